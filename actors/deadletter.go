package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// deadLetters is the shell that writes dead letters. It sees to it that their topic exists, writes a letter that is too
// large as JSON in its raw form, and tells the partition what became of it. It never gives a letter up: the partition asks
// again.
//
// A letter may be many times as large as its record, so no more of them are built at once than the budget has room for. The
// others wait as what they are made from, which the partition holds anyway.
type deadLetters struct {
	guard
	env    *Env
	outbox outbox[letterOf]
	topics map[string]*letterTopic
	queue  []letterTo // that wait for room, in order
	// troubles are about topics: every letter asks again, and that the topic is missing is told once an interval.
	troubles troubles
}

// letterOf is a dead letter on its way.
type letterOf struct {
	deadLetterRequest
	raw bool
}

// letterTo is a letter that is to be built.
type letterTo struct {
	deadLetterRequest
	target string
}

// letterTopic is what is known of a dead-letter topic.
type letterTopic struct {
	ready   bool
	asked   bool
	waiting []deadLetterRequest
}

// deadLetterRequest asks for a dead letter to be written.
type deadLetterRequest struct {
	from   *actor.PID
	letter messages.DeadLetter
}

// prepareDeadLetters asks for the dead-letter topic of a source to be checked, and created where missing.
type prepareDeadLetters struct{ source string }

// letterTopicChecked is the end of that.
type letterTopicChecked struct {
	topic string
	err   error
}

const adminTimeout = 15 * time.Second

// NewDeadLetters gives the props of the dead-letter actor.
func NewDeadLetters(env *Env) *actor.Props {
	return env.watched("dead-letter", "dead-letter", func(g guard) actor.Actor {
		d := &deadLetters{guard: g, env: env, topics: make(map[string]*letterTopic)}
		d.outbox = outbox[letterOf]{env: env, name: "dead-letter", settled: d.settled}
		return d
	})
}

// Receive handles one message.
func (d *deadLetters) Receive(ctx actor.Context) {
	if failure := d.run(ctx, d.receive); failure != nil {
		d.env.Fail(fmt.Errorf("dead-letter actor: %w\n%s", failure, failure.stack))
	}
}

func (d *deadLetters) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if err := d.outbox.open(ctx); err != nil {
			d.env.Fail(fmt.Errorf("dead-letter actor: %w", err))
		}
		for _, topic := range d.env.Settings.Topics {
			if !strings.HasPrefix(topic, "^") {
				d.prepare(topic)
			}
		}
	case prepareDeadLetters:
		d.prepare(m.source)
	case deadLetterRequest:
		d.write(m)
	case letterTopicChecked:
		d.checked(m)
	default:
		d.outbox.receive(m)
		d.sendQueued()
		if d.env.Account.Freed() {
			ctx.Send(d.env.Partitions, roomAgain{})
		}
	}
}

// Target gives the dead-letter topic of a source.
func (s DeadLetterSettings) Target(source string) (string, error) {
	return deadletter.TopicFor(s.Topic, source, s.IsDeadLetter)
}

// IsDeadLetter says whether a topic holds dead letters.
func (s DeadLetterSettings) IsDeadLetter(topic string) bool {
	return (s.Topic != "" && topic == s.Topic) || strings.HasSuffix(topic, deadletter.Suffix)
}

func (d *deadLetters) prepare(source string) {
	target, err := d.env.Settings.DeadLetter.Target(source)
	if err != nil {
		return // said when a record needs it
	}
	if t := d.topic(target); !t.ready {
		d.ask(target, source)
	}
}

func (d *deadLetters) topic(name string) *letterTopic {
	t := d.topics[name]
	if t == nil {
		t = &letterTopic{}
		d.topics[name] = t
	}
	return t
}

// write sends a letter, when its topic is known to be there.
func (d *deadLetters) write(m deadLetterRequest) {
	target, err := d.env.Settings.DeadLetter.Target(m.letter.Record.Topic)
	if err != nil {
		d.answer(m, "", err, false)
		return
	}
	if t := d.topic(target); !t.ready {
		t.waiting = append(t.waiting, m)
		d.ask(target, m.letter.Record.Topic)
		return
	}
	d.enqueue(letterTo{m, target})
}

// enqueue sends a letter as soon as there is room for it.
func (d *deadLetters) enqueue(l letterTo) {
	d.queue = append(d.queue, l)
	d.sendQueued()
}

// sendQueued sends what there is room for. One always goes when there is none on its way, whose fate makes room again.
func (d *deadLetters) sendQueued() {
	sent := 0
	for ; sent < len(d.queue) && d.env.Account.HasRoom(flow.DeadLetters, d.queue[sent].letter.Record.Size()); sent++ {
		d.send(d.queue[sent].deadLetterRequest, d.queue[sent].target, d.env.Settings.DeadLetter.Envelope)
	}
	clear(d.queue[:sent])
	if d.queue = d.queue[sent:]; len(d.queue) == 0 {
		d.queue = nil
	}
}

func (d *deadLetters) send(m deadLetterRequest, target string, envelope deadletter.Envelope) {
	s := d.env.Settings
	f := m.letter.Failure
	message, err := deadletter.Build(&m.letter.Record, deadletter.Failure{
		ErrorType: errorType(f), Message: f.Err.Error(), Reason: f.DeadLetterReason(), FailedAt: m.letter.FailedAt,
		Attempts: m.letter.Attempts, Group: d.env.Client.Group(), Handler: s.Name, Host: s.Host, Stack: f.Stack,
	}, target, envelope, s.DeadLetter.Dialect)
	if err != nil {
		d.answer(m, target, err, false)
		return
	}
	d.env.Account.Charge(flow.DeadLetters, flow.MessageCost(&message))
	d.outbox.write(letterOf{deadLetterRequest: m, raw: envelope == deadletter.Raw}, message)
}

// errorType names the error. The user's error may have a say in that, and a panic there must not be this actor's.
func errorType(f messages.Failure) (name string) {
	defer func() {
		if v := recover(); v != nil {
			name = "error"
		}
	}()
	if f.Kind == messages.TimedOut || f.Kind == messages.StuckTooLong {
		return "timeout"
	}
	return deadletter.ErrorType(f.Err)
}

// settled takes the fate of a letter. One that is too large as JSON is written raw, which is smaller.
func (d *deadLetters) settled(l letterOf, m *stream.Message, err error) {
	d.env.Account.Credit(flow.DeadLetters, flow.MessageCost(m))
	result := meter.ProducerAcknowledged
	if err != nil {
		result = meter.ProducerRefused
	}
	d.env.Meter.ProducerRecords(m.Topic, result).Inc()
	var e *kafka.ProduceError
	tooLarge := errors.As(err, &e) && e.Kind == kafka.TooLarge
	if tooLarge && !l.raw {
		d.send(l.deadLetterRequest, m.Topic, deadletter.Raw)
		return
	}
	if err != nil {
		err = fmt.Errorf("dead letter to %s: %w", m.Topic, err)
		if e != nil && e.Kind == kafka.UnknownTopic {
			d.topic(m.Topic).ready = false
		}
	}
	d.answer(l.deadLetterRequest, m.Topic, err, tooLarge)
}

func (d *deadLetters) answer(m deadLetterRequest, target string, err error, tooLarge bool) {
	d.outbox.root.Send(m.from, messages.DeadLetterResult{
		Offset: m.letter.Record.Offset, Target: target, Err: err, TooLarge: tooLarge,
	})
}

// ask has a topic checked, and created where missing, on a goroutine of its own.
func (d *deadLetters) ask(target, source string) {
	t := d.topic(target)
	if t.asked {
		return
	}
	t.asked = true
	root, self, client, create := d.outbox.root, d.outbox.self, d.env.Client, d.env.Settings.DeadLetter.Create
	parent := d.env.Base
	go func() {
		ctx, cancel := context.WithTimeout(parent, adminTimeout)
		defer cancel()
		root.Send(self, letterTopicChecked{topic: target, err: ensureTopic(ctx, client, target, source, create)})
	}()
}

// ensureTopic sees to it that a dead-letter topic exists, with the partition count of its source.
func ensureTopic(ctx context.Context, client kafka.Client, target, source string, create bool) error {
	admin, err := client.Admin()
	if err != nil {
		return err
	}
	defer admin.Close()
	infos, err := admin.Topics(ctx, target, source)
	if err != nil {
		return fmt.Errorf("look for the dead-letter topic %s: %w", target, err)
	}
	partitions := 0
	for _, info := range infos {
		switch {
		case info.Name == target && info.Exists:
			return nil
		case info.Name == target && info.Err != nil:
			return fmt.Errorf("look for the dead-letter topic %s: %w", target, info.Err)
		case info.Name == source && info.Exists:
			partitions = info.Partitions
		}
	}
	switch {
	case !create:
		return fmt.Errorf("the dead-letter topic %s does not exist and dead_letter.create is false; create it", target)
	case partitions == 0:
		return fmt.Errorf("the dead-letter topic %s does not exist, and cannot be created before %s exists", target, source)
	}
	if err := admin.CreateTopic(ctx, target, partitions, nil); err != nil {
		return fmt.Errorf("create the dead-letter topic %s: %w", target, err)
	}
	return nil
}

// checked lets the letters go that waited for their topic, or sends them back to be asked for again.
func (d *deadLetters) checked(m letterTopicChecked) {
	t := d.topic(m.topic)
	t.asked, t.ready = false, m.err == nil
	waiting := t.waiting
	t.waiting = nil
	if m.err != nil {
		if event, report := d.troubles.note(time.Now(), m.err); report {
			d.env.Emit(event)
		}
	}
	for _, w := range waiting {
		if m.err != nil {
			d.answer(w, m.topic, m.err, false)
		} else { // which may find out that the topic is gone again
			d.enqueue(letterTo{w, m.topic})
		}
	}
}
