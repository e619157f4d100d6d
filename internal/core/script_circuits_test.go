package core

import (
	"fmt"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/messages"
)

// circuitsScript drives the circuits:
//
//	config rate 0.5 window 10s of 4
//	counted orders-0 #1 passed 3 failed 4 | enlisted orders-0 #1 5 failure-rate
//	refused orders-0 #1 5 db | passed ... | declined ... | withdrawn orders-0 #1 5 db
//	records passed orders-1 #2 10 | ended orders-0 #1
//	tick [2s] | status
type circuitsScript struct {
	c    *Circuits
	now  time.Time
	out  CircuitEffects
	wake time.Time
}

func newCircuitsScript() script {
	return &circuitsScript{now: epoch, c: NewCircuits(FailureRatePolicy{})}
}

func (s *circuitsScript) run(w *words) []string {
	switch command := w.next(); command {
	case "config":
		s.c = NewCircuits(failureRatePolicy(w))
		return nil
	case "status":
		var l report
		for _, c := range s.c.Status() {
			l.add("%s open %t, waiting %d, last error %q", c.Name, c.Open, c.Waiting, c.LastError)
		}
		return l
	case "tick":
		if w.more() {
			s.now = s.now.Add(w.duration())
		} else {
			s.now = s.wake
		}
		return s.step(messages.CircuitTick{})
	default:
		return s.step(circuitsMessage(command, w))
	}
}

func circuitsMessage(command string, w *words) messages.ToCircuits {
	switch command {
	case "refused":
		return messages.DependencyRefused{Incarnation: w.incarnation(), Offset: w.number(), Name: w.next(), Err: "connection refused"}
	case "enlisted":
		return messages.Enlisted{Incarnation: w.incarnation(), Offset: w.number(), Name: w.next()}
	case "counted":
		m := messages.AttemptsCounted{Incarnation: w.incarnation()}
		w.take("passed")
		m.Passed = w.number()
		w.take("failed")
		m.Failed = w.number()
		return m
	case "passed":
		return messages.ProbePassed{Incarnation: w.incarnation(), Offset: w.number(), Name: w.next()}
	case "declined":
		return messages.ProbeDeclined{Incarnation: w.incarnation(), Offset: w.number(), Name: w.next()}
	case "withdrawn":
		return messages.Withdrawn{Incarnation: w.incarnation(), Offset: w.number(), Name: w.next()}
	case "records":
		w.take("passed")
		return messages.RecordsPassed{Incarnation: w.incarnation(), Count: w.number()}
	case "ended":
		return messages.IncarnationEnded{Incarnation: w.incarnation()}
	}
	w.fail("unknown command")
	return nil
}

func failureRatePolicy(w *words) (p FailureRatePolicy) {
	w.take("rate")
	rate, err := strconv.ParseFloat(w.next(), 64)
	require.NoError(w.t, err, w.where)
	p.Rate = rate
	w.take("window")
	p.Window = w.duration()
	w.take("of")
	p.MinRecords = w.number()
	return p
}

func haltText(now time.Time, m messages.CircuitsOpen) string {
	if !m.Halt {
		return ""
	}
	return fmt.Sprintf(", halt: %s, since -%s", m.Detail, now.Sub(m.Since))
}

func (s *circuitsScript) step(m messages.ToCircuits) []string {
	out := &s.out
	out.Reset()
	s.c.Step(s.now, m, out)
	var l report
	l.events(out.Events)
	for _, c := range out.Charges {
		l.add("charge %s %d for %s", c.To, c.Message.Offset, c.Message.Name)
	}
	for _, v := range out.Verdicts {
		if v.Message.Probe {
			l.add("probe %s with %s %d", v.Message.Name, v.To, v.Message.Offset)
		} else {
			l.add("let %s %d go on", v.To, v.Message.Offset)
		}
	}
	if out.Changed {
		l.add("any open: %t%s", out.Open.Open, haltText(s.now, out.Open))
	}
	s.wake = out.Wake
	l.wake(s.now, out.Wake)
	return l
}
