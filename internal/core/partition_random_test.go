package core

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// world is a deliberately dumb model around one partition machine: a lane, a publisher and a dead-letter topic that answer
// when the schedule says so, and sets in place of every clever structure.
type world struct {
	t         *rapid.T
	p         *Partition
	now       time.Time
	out       PartitionEffects
	given     []int64 // every offset received, in order
	done      map[int64]bool
	handled   []int64 // in the order in which attempts succeeded
	lane      *messages.Work
	laneFirst int
	stuck     bool
	publish   []int64
	letters   []int64
	waiting   map[int64]string // circuit waiters
	next      int64
	committed int64
	drained   *messages.Drained
	probing   bool
	paused    bool
	config    PartitionConfig
	again     []int64 // what the present incarnation has still to be given of what others were given before
	broker    messages.Watermark
	truncated bool // some of what was done did not fit into the metadata, so it may be handled again
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(t *rapid.T, config PartitionConfig, start int64) *world {
	return &world{
		t: t, config: config, broker: messages.Watermark{Offset: start}, now: epoch, next: start, committed: start, done: make(map[int64]bool), waiting: make(map[int64]string),
		p: NewPartition(epoch, config, PartitionStart{
			Incarnation: messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: 3}, Epoch: 1}, Offset: start,
		}),
	}
}

func (w *world) step(m messages.ToPartition) {
	w.out.Reset()
	w.p.Step(w.now, m, &w.out)
	if w.out.Fault != nil {
		w.t.Fatalf("fault: %v", w.out.Fault)
	}
	if w.out.Stale != 0 {
		w.t.Fatalf("%T was stale", m)
	}
	for _, work := range w.out.Work {
		if w.lane != nil {
			w.t.Fatalf("work %d given while the lane has work", work.Seq)
		}
		if w.paused {
			w.t.Fatalf("work %d given while paused", work.Seq)
		}
		w.lane, w.laneFirst, w.stuck = &work, 0, false
		for _, off := range offsetsOf(work.Records) {
			if w.done[off] && !w.truncated {
				w.t.Fatalf("offset %d is handled again", off)
			}
		}
	}
	for _, p := range w.out.Publish {
		w.publish = append(w.publish, p.Offset)
	}
	for _, l := range w.out.DeadLetters {
		w.letters = append(w.letters, l.Record.Offset)
	}
	for _, c := range w.out.Circuits {
		switch c := c.(type) {
		case messages.DependencyRefused:
			w.waiting[c.Offset] = c.Name
			w.probing = false
		case messages.ProbePassed:
			delete(w.waiting, c.Offset)
			w.probing = false
		case messages.Withdrawn:
			delete(w.waiting, c.Offset)
			w.probing = false
		case messages.ProbeDeclined:
			w.probing = false
		case messages.RecordsPassed, messages.Enlisted, messages.AttemptsCounted, messages.IncarnationEnded, messages.CircuitTick:
		}
	}
	if w.out.Watermark != nil {
		w.checkWatermark(w.out.Watermark.Offset)
		w.broker = *w.out.Watermark
	}
	if w.out.Drained != nil {
		w.drained = w.out.Drained
		w.checkWatermark(w.drained.Watermark.Offset)
	}
	if err := w.p.Check(); err != nil {
		w.t.Fatal(err)
	}
}

// checkWatermark holds the machine to G1 and G4: never back, never past a record that is not done, and no further behind
// than it must be.
func (w *world) checkWatermark(mark int64) {
	if mark < w.committed {
		w.t.Fatalf("watermark went back from %d to %d", w.committed, mark)
	}
	want := w.committed
	for _, off := range w.given {
		if !w.done[off] {
			break
		}
		want = max(want, off+1)
	}
	if mark > want || (mark < want && len(w.again) == 0 && !w.truncated) {
		w.t.Fatalf("watermark %d, want %d", mark, want)
	}
	w.committed = mark
}

// handOver ends the incarnation at once and begins the next one with what the broker was told: what was under way is lost,
// and what is not done comes again.
func (w *world) handOver() {
	w.step(messages.Drain{Deadline: w.now})
	if w.drained == nil {
		w.t.Fatal("not drained at the deadline")
	}
	mark := w.broker // one that reported nothing has left the commit before as it was
	if mark.Offset != w.drained.Watermark.Offset {
		w.t.Fatalf("drained at %d, reported was %d", w.drained.Watermark.Offset, mark.Offset)
	}
	done, err := offset.Decode(mark.Metadata, mark.Offset, "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.truncated = w.truncated || len(mark.Metadata) > offset.MetadataLimit-20
	w.lane, w.publish, w.letters, w.handled, w.drained, w.probing = nil, nil, nil, nil, nil, false
	clear(w.waiting)
	w.again = nil
	for _, off := range w.given {
		if off >= mark.Offset {
			w.again = append(w.again, off)
		}
	}
	inc := w.p.Incarnation()
	inc.Epoch++
	w.p = NewPartition(w.now, w.config, PartitionStart{Incarnation: inc, Offset: mark.Offset, Done: done})
	w.step(messages.OperatorPause{Paused: w.paused})
}

// receiveAgain gives what an earlier incarnation was given.
func (w *world) receiveAgain(n int) {
	n = min(n, len(w.again))
	records := make([]stream.Record, 0, n)
	for _, off := range w.again[:n] {
		records = append(records, stream.Record{Topic: "orders", Partition: 3, Offset: off, Timestamp: w.now})
	}
	w.again = w.again[n:]
	w.step(messages.Records{Records: records})
}

func (w *world) receive() {
	n := rapid.IntRange(1, 700).Draw(w.t, "records")
	if len(w.again) > 0 {
		w.receiveAgain(n)
		return
	}
	records := make([]stream.Record, 0, n)
	for range n {
		w.next += int64(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 5}).Draw(w.t, "gap"))
		records = append(records, stream.Record{
			Topic: "orders", Partition: 3, Offset: w.next, Timestamp: w.now, Value: fmt.Append(nil, w.next),
		})
		w.given = append(w.given, w.next)
	}
	w.step(messages.Records{Records: records})
}

// answer lets the lane finish some of its records, the last of them perhaps badly.
func (w *world) answer() {
	work := w.lane
	left := len(work.Records) - w.laneFirst
	n := rapid.IntRange(1, left).Draw(w.t, "attempted")
	if w.stuck {
		n = 1
	}
	o := messages.Outcome{Seq: work.Seq, First: w.laneFirst}
	for i := range n {
		index := w.laneFirst + i
		off := work.Records[index].Offset
		verdict := rapid.SampledFrom([]string{"ok", "ok", "ok", "output", "skip", "permanent", "fail", "timeout", "down", "stuck"}).Draw(w.t, "verdict")
		if verdict == "stuck" {
			if w.stuck {
				verdict = "ok"
			} else {
				o.Stuck, o.StuckSince = true, w.now
				break
			}
		}
		o.Attempted++
		stop := false
		switch verdict {
		case "ok":
			w.finish(off)
			w.handled = append(w.handled, off)
		case "output":
			w.handled = append(w.handled, off)
			o.Outputs = append(o.Outputs, messages.Output{Index: index}, messages.Output{Index: index})
		case "skip":
			w.finish(off)
			o.Exceptions = append(o.Exceptions, messages.Exception{Index: index, Failure: messages.Failure{Kind: messages.Skipped}})
		default:
			kind := map[string]messages.FailureKind{
				"permanent": messages.Refused, "fail": messages.Failed, "timeout": messages.TimedOut, "down": messages.Unavailable,
			}[verdict]
			stop = verdict != "permanent"
			o.Exceptions = append(o.Exceptions, messages.Exception{
				Index: index, Failure: messages.Failure{Kind: kind, Err: errors.New(verdict), Name: "db"},
			})
		}
		if stop {
			break
		}
	}
	if rest := left - o.Attempted; !w.stuck && !o.Stuck && rest > 0 && rapid.Bool().Draw(w.t, "going") && !failedLast(o) {
		o.Going = true
	}
	switch {
	case o.Going:
		w.laneFirst += o.Attempted
	case o.Stuck:
		w.laneFirst += o.Attempted
		w.stuck = true
		w.lane.Records = w.lane.Records[:w.laneFirst+1]
	default:
		w.lane = nil
	}
	w.step(messages.Outcomes{Outcomes: []messages.Outcome{o}})
}

// failedLast says whether the lane had to stop at the last record of an outcome.
func failedLast(o messages.Outcome) bool {
	n := len(o.Exceptions)
	if n == 0 {
		return false
	}
	last := o.Exceptions[n-1]
	return last.Index == o.First+o.Attempted-1 && last.Failure.Kind != messages.Skipped && last.Failure.Kind != messages.Refused
}

func (w *world) finish(off int64) {
	if w.done[off] {
		w.t.Fatalf("offset %d done twice", off)
	}
	w.done[off] = true
}

func (w *world) acknowledge(refuse bool) {
	off := w.publish[0]
	w.publish = w.publish[1:]
	var err error
	if refuse {
		err = errors.New("refused")
	}
	last := !slices.Contains(w.publish, off)
	if last && !refuse && !w.refusedBefore(off) {
		w.finish(off)
	}
	w.step(messages.Published{Results: []messages.PublishResult{{Offset: off, Err: err}}})
}

func (w *world) refusedBefore(off int64) bool {
	t := w.p.troubles[off]
	return t != nil && t.outputErr != nil
}

func (w *world) writeLetter(fail bool) {
	off := w.letters[0]
	w.letters = w.letters[1:]
	var err error
	if fail {
		err = errors.New("no topic")
	} else {
		w.finish(off)
	}
	w.step(messages.DeadLetterResult{Offset: off, Target: "orders.dead-letter", Err: err})
}

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.step(messages.Tick{})
}

func (w *world) probe() {
	for off, name := range w.waiting {
		switch rapid.SampledFrom([]string{"probe", "probe", "closed", "charge"}).Draw(w.t, "circuit") {
		case "probe":
			w.probing = true
			w.step(messages.CircuitVerdict{Offset: off, Name: name, Probe: true})
			l := w.p.Ledger()
			if !w.probing && !w.paused && l.States[stream.DeadLettering]+l.States[stream.Publishing] == 0 {
				w.t.Fatalf("the probe of %d was declined for no reason", off)
			}
		case "closed":
			delete(w.waiting, off)
			w.step(messages.CircuitVerdict{Offset: off, Name: name})
		case "charge":
			w.step(messages.CircuitCharge{Offset: off, Name: name})
		}
		return
	}
}

// check holds at any moment: order (G3), and the ledger.
func (w *world) check() {
	if !slices.IsSorted(w.handled) {
		w.t.Fatalf("handled out of order")
	}
}

func TestPartitionAgreesWithTheDumbModelUnderAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, PartitionConfig{
			Retry: retry.Policy{MaxAttempts: 3, Initial: time.Second, Multiplier: 2, Max: time.Minute},
		}, 100)
		t.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) { w.check() },
			"receive": func(*rapid.T) { w.receive() },
			"lane": func(t *rapid.T) {
				if w.lane == nil {
					t.Skip("idle")
				}
				w.answer()
			},
			"publish": func(t *rapid.T) {
				if len(w.publish) == 0 {
					t.Skip("nothing published")
				}
				w.acknowledge(rapid.IntRange(0, 9).Draw(t, "refuse") == 0)
			},
			"letter": func(t *rapid.T) {
				if len(w.letters) == 0 {
					t.Skip("no letters")
				}
				w.writeLetter(rapid.IntRange(0, 4).Draw(t, "fail") == 0)
			},
			"time": func(t *rapid.T) { w.pass(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond) },
			"circuit": func(t *rapid.T) {
				if len(w.waiting) == 0 || w.probing {
					t.Skip("no one waits")
				}
				w.probe()
			},
			"hand over": func(*rapid.T) { w.handOver() },
			"operator": func(*rapid.T) {
				w.paused = !w.paused
				w.step(messages.OperatorPause{Paused: w.paused})
			},
		})
		w.settle()
	})
}

// settle lets everything that is under way succeed: then every record given must be done (G8).
func (w *world) settle() {
	w.paused = false
	w.step(messages.OperatorPause{})
	w.receiveAgain(len(w.again))
	for range 100_000 {
		switch {
		case w.lane != nil:
			work := w.lane
			o := messages.Outcome{Seq: work.Seq, First: w.laneFirst, Attempted: len(work.Records) - w.laneFirst}
			for _, r := range work.Records[w.laneFirst:] {
				w.finish(r.Offset)
			}
			w.lane = nil
			w.step(messages.Outcomes{Outcomes: []messages.Outcome{o}})
		case len(w.publish) > 0:
			w.acknowledge(false)
		case len(w.letters) > 0:
			w.writeLetter(false)
		case len(w.waiting) > 0:
			for off, name := range w.waiting {
				delete(w.waiting, off)
				w.step(messages.CircuitVerdict{Offset: off, Name: name})
			}
		case len(w.done) == len(w.given):
			if l := w.p.Ledger(); l.Unfinished() != 0 {
				w.t.Fatalf("the ledger has %d unfinished", l.Unfinished())
			}
			return
		default:
			if w.out.Wake.IsZero() {
				w.t.Fatalf("%d of %d done, nothing under way, and no time to wake", len(w.done), len(w.given))
			}
			w.now = w.out.Wake
			w.step(messages.Tick{})
		}
	}
	w.t.Fatal("does not settle")
}
