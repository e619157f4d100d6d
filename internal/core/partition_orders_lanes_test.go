package core

import (
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// end notes that a record is done.
func (w *orders) end(m *modelled) {
	if m.state == stream.Done {
		w.t.Fatalf("%d is done twice", m.r.Offset)
	}
	m.state = stream.Done
	w.ends[m.r.Offset] = true
	w.unreported++
	w.want.released += m.r.Size()
}

func (w *orders) deadLetter(m *modelled) {
	m.state, m.circuit, m.tried = stream.DeadLettering, "", false
	w.want.letters = append(w.want.letters, m.r.Offset)
}

// result notes how an attempt ended, and says so in the outcome. It is false when a lane must not go on behind it.
func (w *orders) result(m *modelled, verdict string, index int, o *messages.Outcome) bool {
	o.Attempted++
	except := func(kind messages.FailureKind, name string, after time.Duration) {
		o.Exceptions = append(o.Exceptions, messages.Exception{
			Index: index, Failure: messages.Failure{Kind: kind, Err: errors.New(verdict), Name: name, After: after},
		})
	}
	circuit := m.circuit
	m.circuit = ""
	switch verdict {
	case "ok":
		w.passed++
		w.want.handled++
		w.end(m)
	case "output":
		w.passed++
		m.state, m.outputs = stream.Publishing, 2
		for range m.outputs {
			o.Outputs = append(o.Outputs, messages.Output{Index: index})
			w.want.publish = append(w.want.publish, m.r.Offset)
		}
	case "skip":
		except(messages.Skipped, "old", 0)
		w.want.skipped++
		w.end(m)
	case "permanent":
		except(messages.Refused, "", 0)
		m.failures++
		w.deadLetter(m)
	case "down":
		m.circuit = rapid.SampledFrom([]string{"db", "cache"}).Draw(w.t, "dependency")
		if m.circuit != circuit {
			delete(w.probes, m.r.Offset) // withdrawn; checkCircuits hears of it
		}
		except(messages.Unavailable, m.circuit, 0)
		m.state, m.tried, m.retryAt = stream.Retrying, true, time.Time{}
		return false
	default:
		kind := map[string]messages.FailureKind{
			"fail": messages.Failed, "later": messages.FailedLater, "timeout": messages.TimedOut, "panic": messages.Panicked,
		}[verdict]
		after := time.Duration(0)
		if verdict == "later" {
			after = time.Duration(rapid.IntRange(0, 3000).Draw(w.t, "after")) * time.Millisecond
		}
		except(kind, "", after)
		w.fail(m, verdict == "later", after)
		return false
	}
	return true
}

// fail uses up an attempt.
func (w *orders) fail(m *modelled, later bool, after time.Duration) {
	m.failures++
	if m.failures == 3 {
		w.deadLetter(m)
		return
	}
	delay := time.Second << (m.failures - 1)
	if later {
		delay = after
	}
	m.state, m.tried, m.retryAt, m.attempt = stream.Retrying, true, w.now.Add(delay), m.failures+1
}

// verdicts draws how far a lane comes, and how. A lane of one line stops where a record is to be tried again.
func (w *orders) verdicts(l *modelLane) (list []string, stuck bool) {
	n := rapid.IntRange(0, len(l.records)-l.first).Draw(w.t, "attempted")
	if !l.stuckAt.IsZero() {
		n = len(l.records) - l.first
	}
	drawn := slices.Repeat([]string{"ok"}, n)
	for range min(n, rapid.IntRange(0, 3).Draw(w.t, "not ok")) {
		choice := []string{"ok", "output", "skip", "permanent", "fail", "later", "timeout", "panic", "down", "stuck"}
		drawn[rapid.IntRange(0, n-1).Draw(w.t, "at")] = rapid.SampledFrom(choice).Draw(w.t, "verdict")
	}
	for _, verdict := range drawn {
		if verdict == "stuck" {
			if l.stuckAt.IsZero() {
				return list, true
			}
			verdict = "ok"
		}
		list = append(list, verdict)
		if w.config.BatchRecords == 0 && slices.Contains([]string{"fail", "later", "timeout", "panic", "down"}, verdict) {
			break
		}
	}
	return list, false
}

// outcome lets a lane say something.
func (w *orders) outcome(lane int, list []string, stuck bool) messages.Outcome {
	l := w.lanes[lane]
	o := messages.Outcome{Lane: lane, Seq: l.seq, First: l.first, Stuck: stuck, StuckSince: w.now}
	end := l.first + len(list)
	stops := len(list) > 0 && w.config.BatchRecords == 0 && !slices.Contains([]string{"ok", "output", "skip", "permanent"}, list[len(list)-1])
	o.Going = !stuck && !stops && l.stuckAt.IsZero() && end < len(l.records) && rapid.Bool().Draw(w.t, "going")
	rest := l.records[end:]
	if stuck {
		rest = rest[1:]
		if w.config.BatchRecords > 0 {
			rest = nil // all of a batch is in the handler
		}
	}
	if !o.Going {
		for _, m := range rest {
			m.state = stream.Queued
		}
		for _, m := range rest {
			m.bypasses = w.before(m, nil) == nil
		}
	}
	for i, verdict := range list {
		w.result(l.records[l.first+i], verdict, l.first+i, &o)
	}
	switch {
	case o.Going:
		l.first = end
	case stuck:
		l.first, l.records, l.stuckAt = end, l.records[:len(l.records)-len(rest)], w.now
		for _, m := range l.records[end:] {
			m.state, m.circuit = stream.Stuck, ""
		}
	default:
		delete(w.lanes, lane)
	}
	return o
}

func (w *orders) busy() []int {
	var lanes []int
	for lane := range w.lanes {
		lanes = append(lanes, lane)
	}
	slices.Sort(lanes)
	return lanes
}

// answer lets one lane speak, or several.
func (w *orders) answer() {
	n := rapid.SampledFrom([]int{1, 1, 3, 30}).Draw(w.t, "lanes")
	lanes := w.busy()
	var m messages.Outcomes
	for len(lanes) > 0 && len(m.Outcomes) < n {
		at := rapid.IntRange(0, len(lanes)-1).Draw(w.t, "lane")
		list, stuck := w.verdicts(w.lanes[lanes[at]])
		o := w.outcome(lanes[at], list, stuck)
		m.Outcomes = append(m.Outcomes, o)
		if !o.Going {
			lanes = slices.Delete(lanes, at, at+1)
		}
	}
	w.step(m)
}

// everyOther lets each second record succeed whose lane has but that one, and all together: what fills metadata.
func (w *orders) everyOther() {
	var m messages.Outcomes
	for _, lane := range w.busy() {
		l := w.lanes[lane]
		if r := l.records[l.first]; len(l.records)-l.first == 1 && l.stuckAt.IsZero() && slices.Index(w.records, r)%2 == 1 {
			m.Outcomes = append(m.Outcomes, w.outcome(lane, []string{"ok"}, false))
		}
	}
	w.step(m)
}
