package core

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// ownershipScript drives the ownership machine of one member:
//
//	reset earliest|latest|error | reset earliest out-of-range latest
//	assigned|revoked|lost orders-0 orders-1
//	found orders-0 #1 committed 5 log 0..100 [done 7..9] [held key] [metadata xyz] [stored 8] [topic id]
//	outside orders-0 #1 at 5 [halted] | topics orders id
//	lookup fails orders-0 #1 "timeout"
//	ready orders-0 #1 | failed orders-0 #1 "bug"
//	operator pause|resume orders-0 | memory pause|resume orders-0
//	tick [2s] | status orders-0
type ownershipScript struct {
	o    *Ownership
	now  time.Time
	out  OwnershipEffects
	wake time.Time
}

func newOwnershipScript() script {
	return &ownershipScript{now: epoch, o: NewOwnership(OwnershipConfig{}, &Epochs{})}
}

func (s *ownershipScript) run(w *words) []string {
	switch command := w.next(); command {
	case "reset":
		policies := map[string]Reset{"earliest": ResetEarliest, "latest": ResetLatest, "error": ResetError}
		absent := policies[w.next()]
		config := OwnershipConfig{Reset: absent, OutOfRange: absent}
		if w.more() {
			w.take("out-of-range")
			config.OutOfRange = policies[w.next()]
		}
		s.o = NewOwnership(config, &Epochs{})
		return nil
	case "status":
		return s.status(w.partition())
	case "tick":
		if w.more() {
			s.now = s.now.Add(w.duration())
		} else {
			s.now = s.wake
		}
		return s.step(messages.OwnershipTick{})
	default:
		return s.step(ownershipMessage(command, w))
	}
}

func ownershipMessage(command string, w *words) messages.ToOwnership {
	switch command {
	case "assigned":
		return messages.PartitionsAssigned{Partitions: w.partitions()}
	case "revoked":
		return messages.PartitionsRevoked{Partitions: w.partitions()}
	case "lost":
		return messages.PartitionsLost{Partitions: w.partitions()}
	case "found":
		return found(w)
	case "lookup":
		w.take("fails")
		return messages.PositionFound{Incarnation: w.incarnation(), Err: w.failure()}
	case "ready":
		return messages.PartitionReady{Incarnation: w.incarnation()}
	case "failed":
		return messages.PartitionFailed{Incarnation: w.incarnation(), Err: w.failure()}
	case "outside":
		m := messages.PositionOutside{Incarnation: w.incarnation()}
		w.take("at")
		m.Position = w.number()
		if m.Halted = w.more(); m.Halted {
			w.take("halted")
		}
		return m
	case "topics":
		return messages.TopicsSeen{IDs: map[string]string{w.next(): w.next()}}
	case "operator":
		return messages.OperatorPaused{Paused: w.next() == "pause", Partitions: w.partitions()}
	case "memory":
		if w.next() == "pause" {
			return messages.FlowDecided{Pause: w.partitions(), Used: 900}
		}
		return messages.FlowDecided{Resume: w.partitions(), Used: 100}
	}
	w.fail("unknown command")
	return nil
}

func found(w *words) messages.PositionFound {
	m := messages.PositionFound{Incarnation: w.incarnation(), Position: messages.Position{Committed: -1, TopicID: "t"}}
	for w.more() {
		switch w.next() {
		case "committed":
			m.Position.Committed = w.number()
		case "log":
			log := w.run()
			m.Position.LogStart, m.Position.LogEnd = log.First, log.Last
		case "done":
			m.Position.Metadata, _ = offset.Encode(m.Position.Committed, "t", w.runs(), 0)
		case "held":
			key := hold.Of([]byte(w.next()))
			m.Position.Metadata = hold.Join(m.Position.Metadata, hold.Encode("t", []hold.ID{key}))
		case "topic":
			m.Position.TopicID = w.next()
		case "metadata":
			m.Position.Metadata = w.next()
		case "stored":
			m.Position.Stored, m.Position.HasStored = w.number(), true
		default:
			w.fail("unknown word")
		}
	}
	return m
}

func (s *ownershipScript) step(m messages.ToOwnership) []string {
	out := &s.out
	out.Reset()
	s.o.Step(s.now, m, out)
	var l report
	l.events(out.Events)
	for _, inc := range out.Disown {
		l.add("disown %s", inc)
	}
	for _, inc := range out.Stop {
		l.add("stop %s", inc)
	}
	for _, inc := range out.Lookup {
		l.add("look up %s", inc)
	}
	for _, own := range out.Own {
		text := fmt.Sprintf("own %s committed %d", own.Incarnation, own.Committed)
		if own.Start >= 0 {
			text += fmt.Sprintf(", commit the start %d", own.Start)
		}
		if own.Metadata != "" {
			text += " with the held keys"
		}
		l.add("%s", text)
	}
	for _, start := range out.Spawn {
		text := fmt.Sprintf("spawn %s from %d", start.Incarnation, start.Offset)
		for i, r := range start.Done {
			if i == 0 {
				text += " done"
			}
			text += " " + r.String()
		}
		if len(start.Held) > 0 {
			text += fmt.Sprintf(" held %v", start.Held)
		}
		l.add("%s", text)
	}
	for _, start := range out.Start {
		l.add("start %s at %d", start.Incarnation, start.Offset)
	}
	if len(out.Pause) > 0 {
		l.add("pause %v", out.Pause)
	}
	if len(out.Resume) > 0 {
		l.add("resume %v", out.Resume)
	}
	for _, o := range out.Operator {
		l.add("tell %s paused %t", o.To, o.Message.Paused)
	}
	l.count("stale", out.Stale)
	s.wake = out.Wake
	l.wake(s.now, out.Wake)
	return l
}

func (s *ownershipScript) status(p stream.Partition) []string {
	var l report
	inc, active := s.o.Active(p)
	if active {
		l.add("active %s, full %t", inc, s.o.Full(p))
	}
	if cause, since, detail, ok := s.o.Status(p); ok {
		l.add("%s for %s: %s", cause, s.now.Sub(since).Round(time.Millisecond), detail)
	}
	l.add("settled %t, member %t, owned %v", s.o.Settled(), s.o.Member(), s.o.Incarnations())
	return l
}
