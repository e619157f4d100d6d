package sim

import (
	"time"

	"github.com/troupe-go/troupe/messages"
)

// publisher is the shell that writes the outputs of handlers.
type publisher struct {
	w       *world
	actor   *actor
	outbox  outbox[outputOf]
	results []resultsOf
}

// outputOf says whose output a message is.
type outputOf struct {
	from   *partition
	output messages.PublishOutput
}

// publishRequest asks for outputs to be written, in order.
type publishRequest struct {
	from    *partition
	outputs []messages.PublishOutput
}

type resultsOf struct {
	to      *partition
	results []messages.PublishResult
}

func newPublisher(of *process) *publisher {
	p := &publisher{w: of.w}
	p.actor = newActor(of, p.receive, nil)
	p.outbox = outbox[outputOf]{
		w: of.w, of: of, actor: p.actor, name: "publisher", settled: p.settled, again: func(outputOf) {}, written: func(outputOf) {},
		away: func() bool { return of.w.broker.away || of.w.broker.outputAway },
		refuses: func(o outputOf) error {
			if of.w.broker.find(o.output.Message.Key).nature == outputRefused {
				return errRefused
			}
			return nil
		},
	}
	p.outbox.begin()
	return p
}

func (p *publisher) receive(m any) {
	if request, ok := m.(publishRequest); ok {
		for _, o := range request.outputs {
			p.outbox.write(outputOf{from: request.from, output: o})
		}
	} else {
		p.outbox.receive(m)
	}
	for _, r := range p.results {
		r.to.actor.tell(messages.Published{Results: r.results})
	}
	p.results = p.results[:0]
}

func (p *publisher) settled(o outputOf, err error) {
	if err == nil {
		p.w.oracle.outputAcknowledged(o.output.Message.Value)
	}
	r := messages.PublishResult{Offset: o.output.Offset, Err: err}
	for i := range p.results {
		if p.results[i].to == o.from {
			p.results[i].results = append(p.results[i].results, r)
			return
		}
	}
	p.results = append(p.results, resultsOf{to: o.from, results: []messages.PublishResult{r}})
}

// letterWriter is the shell that writes dead letters.
type letterWriter struct {
	w       *world
	of      *process
	actor   *actor
	outbox  outbox[letterRequest]
	ready   bool // the topic is known to be there
	asked   bool
	waiting []letterRequest
}

// letterRequest asks for a dead letter to be written.
type letterRequest struct {
	from   *partition
	letter messages.DeadLetter
}

// prepareLetters asks for the dead-letter topic to be checked; lettersChecked is the end of that.
type (
	prepareLetters struct{}
	lettersChecked struct{ err error }
)

const (
	errLetterAway     = simError("the dead-letter topic cannot be written")
	errLetterTooLarge = simError("the dead letter is too large")
	adminTimeout      = 15 * time.Second
	letterTopic       = "orders.dead-letter"
)

func newLetterWriter(of *process) *letterWriter {
	d := &letterWriter{w: of.w, of: of}
	d.actor = newActor(of, d.receive, nil)
	d.outbox = outbox[letterRequest]{
		w: of.w, of: of, actor: d.actor, name: "dead-letter", settled: d.settled, refuses: d.refuses,
		away:    func() bool { return of.w.broker.away },
		again:   func(l letterRequest) { of.w.broker.find(l.letter.Record.Value).expected++ },
		written: func(l letterRequest) { of.w.oracle.letterWritten(l) },
	}
	d.outbox.begin()
	return d
}

func (d *letterWriter) refuses(l letterRequest) error {
	switch {
	case d.w.broker.letterAway:
		return errLetterAway
	case d.w.broker.find(l.letter.Record.Value).nature == letterTooLarge && !d.w.calm:
		return errLetterTooLarge
	}
	return nil
}

func (d *letterWriter) receive(m any) {
	switch m := m.(type) {
	case prepareLetters:
		if !d.ready {
			d.ask()
		}
	case letterRequest:
		if !d.ready {
			d.waiting = append(d.waiting, m)
			d.ask()
			return
		}
		d.outbox.write(m)
	case lettersChecked:
		d.checked(m)
	default:
		d.outbox.receive(m)
	}
}

func (d *letterWriter) settled(l letterRequest, err error) {
	if err == errLetterAway { //nolint:errorlint // a constant of this package, never wrapped
		d.ready = false
	}
	d.answer(l, err)
}

func (d *letterWriter) answer(l letterRequest, err error) {
	if err == nil {
		d.w.oracle.letterAcknowledged(l)
	}
	l.from.actor.tell(messages.DeadLetterResult{
		Offset: l.letter.Record.Offset, Target: letterTopic, Err: err, TooLarge: err == errLetterTooLarge, //nolint:errorlint // as above
	})
}

// ask has the topic checked off the actor.
func (d *letterWriter) ask() {
	if d.asked {
		return
	}
	d.asked = true
	d.look(d.w.now + int64(adminTimeout))
}

func (d *letterWriter) look(deadline int64) {
	d.w.after(d.of, d.w.network()+d.w.network(), func() {
		switch {
		case d.w.broker.letterAway:
			d.actor.tell(lettersChecked{err: errLetterAway})
		case !d.w.broker.away:
			d.actor.tell(lettersChecked{})
		case d.w.now >= deadline:
			d.actor.tell(lettersChecked{err: errTimedOut})
		default:
			d.w.after(d.of, d.w.broker.later(), func() { d.look(deadline) })
		}
	})
}

func (d *letterWriter) checked(m lettersChecked) {
	d.asked = false
	d.ready = m.err == nil
	waiting := d.waiting
	d.waiting = nil
	for _, l := range waiting {
		if d.ready {
			d.outbox.write(l)
		} else {
			d.answer(l, m.err)
		}
	}
}
