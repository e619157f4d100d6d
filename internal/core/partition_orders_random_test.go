package core

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

func drawOrdersConfig(t *rapid.T) PartitionConfig {
	hashes := rapid.SampledFrom([]uint64{0, 0, 3}).Draw(t, "hashes") // few of them: keys that collide
	config := PartitionConfig{
		Order:     rapid.SampledFrom([]Order{ByKey, ByKey, Unordered}).Draw(t, "order"),
		Lanes:     rapid.SampledFrom([]int{1, 2, 5, 40, 4096}).Draw(t, "lanes"),
		Retry:     retry.Policy{MaxAttempts: 3, Initial: time.Second, Multiplier: 2, Max: time.Minute},
		MaxParked: rapid.SampledFrom([]int64{0, 1, 10}).Draw(t, "parked"),
		KeyHash: func(key []byte) uint64 {
			if h := sum(key); hashes == 0 {
				return h
			}
			return sum(key) % hashes
		},
		StuckAfter: 5 * time.Second, StuckDeadLetter: true,
	}
	if rapid.IntRange(0, 2).Draw(t, "batches") == 0 {
		config.BatchRecords = rapid.SampledFrom([]int{1, 2, 7}).Draw(t, "batch")
		config.BatchWait = rapid.SampledFrom([]time.Duration{0, 30 * time.Millisecond, 2 * time.Second}).Draw(t, "wait")
	}
	return config
}

// receive gives records that are in the log, or new ones.
func (w *orders) receive() {
	n := rapid.IntRange(1, 60).Draw(w.t, "records")
	keys := rapid.SampledFrom([]int{1, 3, 1000}).Draw(w.t, "keys")
	if w.config.Lanes > 1000 && rapid.IntRange(0, 3).Draw(w.t, "many") == 0 {
		n, keys = 2500, 100_000
	}
	if w.read == len(w.log) {
		w.write(n, keys)
	}
	w.give(min(n, len(w.log)-w.read))
}

func (w *orders) write(n, keys int) {
	next := w.start - 1
	if len(w.log) > 0 {
		next = max(next, w.log[len(w.log)-1].Offset)
	}
	gaps := rapid.Bool().Draw(w.t, "gaps")
	shift := rapid.IntRange(0, 1000).Draw(w.t, "shift")
	for i := range n {
		next++
		if gaps && i%3 == 0 {
			next += int64(i % 7)
		}
		r := stream.Record{
			Topic: "orders", Partition: 3, Offset: next, LeaderEpoch: int32(next / 10), Timestamp: w.now, Value: fmt.Append(nil, next),
		}
		if key := (i*7 + shift) % (keys + 1); key > 0 {
			r.Key = fmt.Append(nil, key)
		}
		w.log = append(w.log, r)
	}
}

// give gives the next n records of the log.
func (w *orders) give(n int) {
	if n == 0 {
		return
	}
	for _, r := range w.log[w.read : w.read+n] {
		m := &modelled{r: r, attempt: 1, state: stream.Queued, received: w.now}
		w.records = append(w.records, m)
		w.byOffset[r.Offset] = m
		if w.inherited.Contains(r.Offset) {
			w.end(m)
			continue
		}
		if m.inLine = w.config.Order == ByKey && r.Key != nil; m.inLine {
			m.line = w.config.KeyHash(r.Key)
			w.lines[m.line] = append(w.lines[m.line], m)
		}
	}
	records := slices.Clone(w.log[w.read : w.read+n])
	w.read += n
	w.step(messages.Records{Records: records})
}

func (w *orders) acknowledge(refuse bool) {
	at := rapid.IntRange(0, len(w.publish)-1).Draw(w.t, "output")
	off := w.publish[at]
	w.publish = slices.Delete(w.publish, at, at+1)
	m := w.byOffset[off]
	result := messages.PublishResult{Offset: off}
	if refuse {
		m.refused, result.Err = true, errors.New("refused")
	}
	m.outputs--
	switch {
	case m.outputs > 0:
	case m.refused:
		m.failures++
		w.deadLetter(m)
	default:
		w.want.handled++
		w.end(m)
	}
	w.step(messages.Published{Results: []messages.PublishResult{result}})
}

func (w *orders) writeLetter(refuse bool) {
	at := rapid.IntRange(0, len(w.letters)-1).Draw(w.t, "letter")
	off := w.letters[at]
	w.letters = slices.Delete(w.letters, at, at+1)
	m := w.byOffset[off]
	result := messages.DeadLetterResult{Offset: off, Target: "orders.dead-letter"}
	if refuse {
		m.restingAt, result.Err = w.now, errors.New("no topic")
	} else {
		w.end(m)
	}
	w.step(result)
}

// circuitWaiters are the records that wait for a dependency, or probe it.
func (w *orders) circuitWaiters() (list []*modelled) {
	for _, m := range w.records {
		if m.circuit != "" {
			list = append(list, m)
		}
	}
	return list
}

func (w *orders) circuit() {
	m := rapid.SampledFrom(w.circuitWaiters()).Draw(w.t, "waiter")
	off, name := m.r.Offset, m.circuit
	verdict := "closed"
	if !w.probes[off] {
		verdict = rapid.SampledFrom([]string{"probe", "probe", "closed", "charge"}).Draw(w.t, "circuit")
	}
	switch verdict {
	case "probe":
		may := !w.held()
		w.probes[off] = true
		w.step(messages.CircuitVerdict{Offset: off, Name: name, Probe: true})
		if w.declined && may {
			w.t.Fatalf("the probe of %d was declined for no reason", off)
		}
	case "closed":
		m.circuit, m.retryAt = "", w.now
		delete(w.probes, off)
		w.step(messages.CircuitVerdict{Offset: off, Name: name})
	case "charge":
		m.failures++
		if m.failures >= 3 {
			w.deadLetter(m)
		} else {
			m.attempt = m.failures + 1
		}
		w.step(messages.CircuitCharge{Offset: off, Name: name})
	}
}

func (w *orders) limitParked(n int64) {
	w.parking = n
	w.p.LimitParked(n)
	w.step(messages.Tick{})
}

func (w *orders) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.step(messages.Tick{})
}

func TestPartitionKeepsOrderWithManyLanesUnderAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newOrders(t, drawOrdersConfig(t))
		unless := func(not bool, action func()) {
			if not {
				t.Skip("not now")
			}
			action()
		}
		t.Repeat(map[string]func(*rapid.T){
			"receive": func(*rapid.T) { unless(!w.drain.IsZero(), w.receive) },
			"answer":  func(*rapid.T) { unless(len(w.lanes) == 0, w.answer) },
			"lanes":   func(*rapid.T) { unless(len(w.lanes) == 0, w.answer) },
			"every other": func(*rapid.T) {
				unless(len(w.lanes) < 2, w.everyOther)
			},
			"publish": func(t *rapid.T) {
				unless(len(w.publish) == 0, func() { w.acknowledge(rapid.IntRange(0, 9).Draw(t, "refuse") == 0) })
			},
			"letter": func(t *rapid.T) {
				unless(len(w.letters) == 0, func() { w.writeLetter(rapid.IntRange(0, 4).Draw(t, "refuse") == 0) })
			},
			"time": func(t *rapid.T) { w.pass(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond) },
			"wake": func(*rapid.T) {
				unless(w.out.Wake.IsZero() || !w.out.Wake.After(w.now), func() { w.pass(w.out.Wake.Sub(w.now)) })
			},
			"circuit": func(*rapid.T) { unless(len(w.circuitWaiters()) == 0, w.circuit) },
			"circuits": func(*rapid.T) {
				w.circuits = !w.circuits
				w.step(messages.CircuitsOpen{Open: w.circuits})
			},
			"parking": func(t *rapid.T) {
				w.limitParked(rapid.Int64Range(0, 5).Draw(t, "limit"))
			},
			"operator": func(*rapid.T) {
				w.paused = !w.paused
				w.step(messages.OperatorPause{Paused: w.paused})
			},
			"drain": func(t *rapid.T) {
				unless(!w.drain.IsZero() || rapid.IntRange(0, 3).Draw(t, "drain") > 0, func() {
					w.drain = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 500, 5000}).Draw(t, "by")) * time.Millisecond)
					w.step(messages.Drain{Deadline: w.drain})
				})
			},
			"crash": func(t *rapid.T) { unless(rapid.IntRange(0, 3).Draw(t, "crash") > 0, w.succeed) },
		})
		w.settle()
	})
}

// settle lets everything that is under way succeed. Then every record of the log must be done, and nothing be left of it.
func (w *orders) settle() {
	w.paused = false
	w.step(messages.OperatorPause{})
	w.limitParked(0)
	for range 100_000 {
		lanes := w.busy()
		waiters := w.circuitWaiters()
		switch {
		case len(lanes) > 0:
			var m messages.Outcomes
			for _, lane := range lanes {
				l := w.lanes[lane]
				m.Outcomes = append(m.Outcomes, w.outcome(lane, slices.Repeat([]string{"ok"}, len(l.records)-l.first), false))
			}
			w.step(m)
		case len(w.publish) > 0:
			w.acknowledge(false)
		case len(w.letters) > 0:
			w.writeLetter(false)
		case len(waiters) > 0 && w.drain.IsZero():
			name := waiters[0].circuit
			waiters[0].circuit, waiters[0].retryAt = "", w.now
			w.step(messages.CircuitVerdict{Offset: waiters[0].r.Offset, Name: name})
		case w.read < len(w.log) && w.drain.IsZero():
			w.give(len(w.log) - w.read)
		case !w.out.Wake.IsZero():
			w.pass(w.out.Wake.Sub(w.now))
		default:
			w.checkNothingLeft()
			return
		}
	}
	w.t.Fatal("does not settle")
}

func (w *orders) checkNothingLeft() {
	for _, r := range w.log {
		if !w.ends[r.Offset] {
			w.t.Fatalf("%d is not done", r.Offset)
		}
	}
	p := w.p
	if n := len(w.log); n > 0 && p.reported.Offset != w.log[n-1].Offset+1 {
		w.t.Fatalf("the watermark is %d, the log ends at %d", p.reported.Offset, w.log[n-1].Offset)
	}
	if err := p.Idle(); err != nil {
		w.t.Fatal(err)
	}
	if p.reported.Metadata != "" || len(w.probes) > 0 {
		w.t.Fatalf("metadata %q, probes %v", p.reported.Metadata, w.probes)
	}
}
