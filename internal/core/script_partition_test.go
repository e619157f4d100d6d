package core

import (
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// partitionScript drives one partition's machine:
//
//	config attempts 3 first 2s | stuck after 5m fail|dead-letter | dead letters off stop|drop
//	config order key|unordered lanes 4 | batch 3 wait 50ms | parked 10 | hold keys
//	assign orders-0 from 5 [done 7..9 11] [held a]
//	records 5..9 12 | keyed 5 a, 6 b, 7 a
//	outcome 5..6 ok, 7 emits 2, 8 error "boom", ... [, going]      of the work whose next record is the first
//	begun not 5                                                    that work is given back
//	publish ack 5 5 | publish refused 5 "too large"
//	dead-letter ack 7 | fails 7 "no topic" | too-large 7 "10 MB"
//	circuit probe|closed|charge 7 db | circuits open|closed|halt since 30s "52 of 100 failed"
//	config count attempts
//	release a | release all | parking limit 3
//	drain by 10s | pause | resume | tick [2s] | status
type partitionScript struct {
	config PartitionConfig
	p      *Partition
	now    time.Time
	out    PartitionEffects
	works  []openWork
	wake   time.Time
}

// openWork is a work that was given, and the first of its records that its lane has not answered for.
type openWork struct {
	messages.Work
	first int
}

func newPartitionScript() script {
	return &partitionScript{
		now:    epoch,
		config: PartitionConfig{KeyHash: sum, Retry: retry.Policy{MaxAttempts: 3, Initial: 2 * time.Second, Multiplier: 2, Max: time.Minute}},
	}
}

func (s *partitionScript) run(w *words) []string {
	switch command := w.next(); command {
	case "config":
		s.configure(w)
		return nil
	case "assign":
		start := PartitionStart{Incarnation: messages.Incarnation{Partition: w.partition(), Epoch: 1}}
		w.take("from")
		start.Offset = w.number()
		if w.take("done") {
			start.Done = w.runs()
		}
		for w.take("held") {
			start.Held = append(start.Held, hold.Of([]byte(w.next())))
		}
		s.p = NewPartition(s.now, s.config, start)
		return nil
	case "status":
		return s.status()
	case "tick":
		if w.more() {
			s.now = s.now.Add(w.duration())
		} else {
			s.now = s.wake
		}
		return s.step(messages.Tick{})
	default:
		return s.step(s.message(command, w))
	}
}

func (s *partitionScript) configure(w *words) {
	switch w.next() {
	case "attempts":
		s.config.Retry.MaxAttempts = int(w.number())
		if w.take("first") {
			s.config.Retry.Initial = w.duration()
		}
	case "stuck":
		w.take("after")
		s.config.StuckAfter = w.duration()
		s.config.StuckDeadLetter = w.next() == "dead-letter"
	case "dead":
		w.take("letters")
		s.config.DeadLetterOff = w.take("off")
		s.config.OnErrorDrop = w.next() == "drop"
	case "order":
		s.config.Order = map[string]Order{"key": ByKey, "unordered": Unordered}[w.next()]
		w.take("lanes")
		s.config.Lanes = int(w.number())
	case "batch":
		s.config.BatchRecords = int(w.number())
		w.take("wait")
		s.config.BatchWait = w.duration()
	case "parked":
		s.config.MaxParked = w.number()
	case "count":
		w.take("attempts")
		s.config.FailureRate.Rate = 0.5
	case "hold":
		w.take("keys")
		s.config.HoldKeys = true
	default:
		w.fail("unknown setting")
	}
}

func (s *partitionScript) message(command string, w *words) messages.ToPartition {
	switch command {
	case "records":
		return s.records(w)
	case "keyed":
		return s.keyed(w)
	case "outcome":
		return s.outcome(w)
	case "release":
		if w.take("all") {
			return messages.ReleaseKeys{All: true}
		}
		return messages.ReleaseKeys{IDs: []uint64{uint64(hold.Of([]byte(w.next())))}}
	case "parking":
		w.take("limit")
		s.p.LimitParked(w.number())
		return messages.Tick{}
	case "begun":
		w.take("not")
		open := s.workOf(w, w.number())
		open.first = len(open.Records)
		return messages.Outcomes{Outcomes: []messages.Outcome{{Lane: open.Lane, Seq: open.Seq}}}
	case "publish":
		return published(w)
	case "dead-letter":
		m := messages.DeadLetterResult{Target: "orders.dead-letter"}
		switch w.next() {
		case "ack":
			m.Offset = w.number()
		case "too-large":
			m.Offset, m.TooLarge, m.Err = w.number(), true, w.failure()
		default:
			m.Offset, m.Err = w.number(), w.failure()
		}
		return m
	case "circuit":
		switch verdict := w.next(); verdict {
		case "charge":
			return messages.CircuitCharge{Offset: w.number(), Name: w.next()}
		default:
			return messages.CircuitVerdict{Probe: verdict == "probe", Offset: w.number(), Name: w.next()}
		}
	case "circuits":
		m := messages.CircuitsOpen{Open: !w.take("closed")}
		if !m.Open || w.take("open") {
			return m
		}
		m.Halt = w.take("halt")
		w.take("since")
		m.Since = s.now.Add(-w.duration())
		m.Detail = w.next()
		return m
	case "drain":
		w.take("by")
		return messages.Drain{Deadline: s.now.Add(w.duration())}
	case "pause", "resume":
		return messages.OperatorPause{Paused: command == "pause"}
	}
	w.fail("unknown command")
	return nil
}

func (s *partitionScript) records(w *words) messages.Records {
	var m messages.Records
	for _, r := range w.runs() {
		for at := r.First; at <= r.Last; at++ {
			m.Records = append(m.Records, stream.Record{
				Topic: "orders", Offset: at, LeaderEpoch: 4, Timestamp: s.now, Value: fmt.Append(nil, at),
			})
		}
	}
	return m
}

// keyed are records with keys; one whose key is - has none.
func (s *partitionScript) keyed(w *words) messages.Records {
	var m messages.Records
	for w.more() {
		r := stream.Record{Topic: "orders", Offset: w.number(), LeaderEpoch: 4, Timestamp: s.now}
		if key := w.next(); key != "-" {
			r.Key = []byte(key)
		}
		m.Records = append(m.Records, r)
		w.take(",")
	}
	return m
}

// sum is a hash for tests: equal for equal keys.
func sum(key []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range key {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// workOf gives the open work whose next record is the one at the offset.
func (s *partitionScript) workOf(w *words, off int64) *openWork {
	for i := range s.works {
		if open := &s.works[i]; open.first < len(open.Records) && open.Records[open.first].Offset == off {
			return open
		}
	}
	w.fail("that is no lane's next record")
	return nil
}

// outcome reads what became of records, in their order.
func (s *partitionScript) outcome(w *words) messages.Outcomes {
	open := s.workOf(w, peek(w))
	o := messages.Outcome{Lane: open.Lane, Seq: open.Seq, First: open.first}
	for w.more() {
		if w.take("going") {
			o.Going = true
			break
		}
		run := w.run()
		result := w.list
		for at := run.First; at <= run.Last; at++ {
			index := o.First + o.Attempted
			if index >= len(open.Records) || open.Records[index].Offset != at {
				w.fail("that is not the lane's next record")
			}
			o.Attempted++
			w.list = result
			s.result(w, &o)
		}
		w.take(",")
	}
	open.first += o.Attempted
	if !o.Going && !o.Stuck {
		open.first = len(open.Records)
	}
	return messages.Outcomes{Outcomes: []messages.Outcome{o}}
}

// peek is the first offset of the next run.
func peek(w *words) int64 {
	list := w.list
	defer func() { w.list = list }()
	return w.run().First
}

func (s *partitionScript) result(w *words, o *messages.Outcome) {
	index := o.First + o.Attempted - 1
	except := func(f messages.Failure) {
		o.Exceptions = append(o.Exceptions, messages.Exception{Index: index, Failure: f})
	}
	switch result := w.next(); result {
	case "ok":
	case "emits":
		for n := w.number(); n > 0; n-- {
			o.Outputs = append(o.Outputs, messages.Output{Index: index})
		}
	case "error":
		except(messages.Failure{Kind: messages.Failed, Err: w.failure()})
	case "later":
		after := w.duration()
		except(messages.Failure{Kind: messages.FailedLater, After: after, Err: w.failure()})
	case "timeout":
		except(messages.Failure{Kind: messages.TimedOut, Err: w.failure()})
	case "panic":
		except(messages.Failure{Kind: messages.Panicked, Err: w.failure()})
	case "permanent":
		except(messages.Failure{Kind: messages.Refused, Err: w.failure()})
	case "skip":
		except(messages.Failure{Kind: messages.Skipped, Name: w.next()})
	case "down":
		name := w.next()
		except(messages.Failure{Kind: messages.Unavailable, Name: name, Err: w.failure()})
	case "stuck":
		o.Attempted--
		o.Stuck, o.StuckSince = true, s.now.Add(-30*time.Second)
	default:
		w.fail("unknown result")
	}
}

func published(w *words) messages.Published {
	var m messages.Published
	if w.take("refused") {
		m.Results = append(m.Results, messages.PublishResult{Offset: w.number(), Err: w.failure()})
		return m
	}
	w.take("ack")
	for w.more() {
		m.Results = append(m.Results, messages.PublishResult{Offset: w.number()})
	}
	return m
}

func (s *partitionScript) step(m messages.ToPartition) []string {
	out := &s.out
	out.Reset()
	before := s.p.cause
	s.p.Step(s.now, m, out)
	var l report
	l.events(out.Events)
	if out.CancelWork {
		l.add("cancel the work")
	}
	if out.CallBack {
		l.add("call back what has not begun")
	}
	for range out.ReplaceLanes {
		l.add("replace the lane")
	}
	for _, work := range out.Work {
		s.works = append(s.works, openWork{Work: work})
		l.add("work %s%s", runsOf(offsetsOf(work.Records)), attempt(work.Records[0].Attempt))
	}
	if len(out.Publish) > 0 {
		text := "publish"
		for _, o := range out.Publish {
			text += fmt.Sprintf(" %d", o.Offset)
		}
		l.add("%s", text)
	}
	for _, d := range out.DeadLetters {
		l.add("dead letter %d attempts %d %s %q", d.Record.Offset, d.Attempts, d.Failure.DeadLetterReason(), d.Failure.Err)
	}
	for _, c := range out.Circuits {
		l.add("circuit: %s", circuitText(c))
	}
	if w := out.Watermark; w != nil {
		l.add("watermark %d%s, %d records", w.Offset, beyond(*w, ""), w.Records)
	}
	if d := out.Drained; d != nil {
		l.add("drained at %d%s, abandoned %d, in flight %d", d.Watermark.Offset, beyond(d.Watermark, ""), d.Abandoned, d.InFlight)
	}
	if out.Fault != nil {
		l.add("fault: %v", out.Fault)
	}
	l.count("stale", out.Stale)
	s.wake = out.Wake
	l.wake(s.now, out.Wake)
	if s.p.cause != before {
		l.add("now %s", strings.TrimSuffix(fmt.Sprintf("%s: %s", s.p.cause, s.p.detail), ": "))
	}
	if err := s.p.Check(); err != nil {
		l.add("LEDGER: %v", err)
	}
	return append(l, s.ledger())
}

func (s *partitionScript) ledger() string {
	ledger := s.p.Ledger()
	var states []string
	for state, n := range ledger.States {
		if n > 0 {
			states = append(states, fmt.Sprintf("%s %d", stream.State(state), n))
		}
	}
	return "[" + strings.Join(states, ", ") + "]"
}

func (s *partitionScript) status() []string {
	status := s.p.Status(s.now)
	var l report
	l.add("%s", strings.TrimSuffix(fmt.Sprintf("%s for %s: %s", status.Cause, s.now.Sub(status.Since), status.Detail), ": "))
	if o := status.Oldest; o != nil {
		l.add("oldest %d %s, attempt %d, received %s ago, last error %q", o.Offset, o.State, o.Attempt, s.now.Sub(o.Since), o.LastError)
	}
	return l
}

func offsetsOf(records []stream.Record) []int64 {
	offsets := make([]int64, len(records))
	for i := range records {
		offsets[i] = records[i].Offset
	}
	return offsets
}

func attempt(n int32) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", attempt %d", n)
}

func circuitText(m messages.ToCircuits) string {
	switch m := m.(type) {
	case messages.DependencyRefused:
		return fmt.Sprintf("%d refused by %s: %s", m.Offset, m.Name, m.Err)
	case messages.Enlisted:
		return fmt.Sprintf("%d enlisted for %s", m.Offset, m.Name)
	case messages.AttemptsCounted:
		return fmt.Sprintf("%d attempts passed, %d failed", m.Passed, m.Failed)
	case messages.ProbePassed:
		return fmt.Sprintf("probe %d of %s passed", m.Offset, m.Name)
	case messages.ProbeDeclined:
		return fmt.Sprintf("probe %d of %s declined", m.Offset, m.Name)
	case messages.RecordsPassed:
		return fmt.Sprintf("%d records passed", m.Count)
	case messages.Withdrawn:
		return fmt.Sprintf("%d does not wait for %s", m.Offset, m.Name)
	case messages.IncarnationEnded, messages.CircuitTick:
	}
	return ""
}
