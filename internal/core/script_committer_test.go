package core

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// committerScript drives a committer's machine:
//
//	config records 500 interval 5s
//	own orders-0 #1 committed 5 | own orders-0 #1 start 0
//	watermark orders-0 #1 at 10 records 5 [metadata xyz]
//	commit returned [orders-0 retriable|fenced|too-large "error", orders-1 unanswered ...]      the others were committed
//	release 1: orders-0 #1 [at 12 records 2], orders-1 #2
//	await 1 orders-0 orders-1
//	disown orders-0 #1 | tick [5s] | status orders-0 #1
type committerScript struct {
	c      *Committer
	now    time.Time
	out    CommitEffects
	commit messages.Commit
	wake   time.Time
}

func newCommitterScript() script {
	return &committerScript{now: epoch, c: NewCommitter(CommitterConfig{Records: 500, Interval: 5 * time.Second})}
}

func (s *committerScript) run(w *words) []string {
	switch command := w.next(); command {
	case "config":
		w.take("records")
		config := CommitterConfig{Records: w.number()}
		w.take("interval")
		config.Interval = w.duration()
		s.c = NewCommitter(config)
		return nil
	case "status":
		committed, _, failing := s.c.Status(s.now, w.incarnation())
		return []string{fmt.Sprintf("committed %d, failing: %v", committed, failing)}
	case "tick":
		if w.more() {
			s.now = s.now.Add(w.duration())
		} else {
			s.now = s.wake
		}
		return s.step(messages.CommitTick{})
	default:
		return s.step(s.message(command, w))
	}
}

func (s *committerScript) message(command string, w *words) messages.ToCommitter {
	switch command {
	case "own":
		m := messages.Own{Incarnation: w.incarnation(), Committed: -1, Start: -1}
		if w.take("committed") {
			m.Committed = w.number()
		}
		if w.take("start") {
			m.Start = w.number()
		}
		return m
	case "watermark":
		return messages.WatermarkReport{Watermark: watermark(w, w.incarnation())}
	case "commit":
		w.take("returned")
		return s.returned(w)
	case "release":
		m := messages.Release{ID: uint64(w.number())}
		for w.more() {
			inc := w.incarnation()
			m.Incarnations = append(m.Incarnations, inc)
			if w.more() && w.list[0] == "at" {
				m.Finals = append(m.Finals, watermark(w, inc))
			}
			w.take(",")
		}
		return m
	case "await":
		return messages.AwaitQuiet{ID: uint64(w.number()), Partitions: w.partitions()}
	case "disown":
		return messages.Disown{Incarnations: w.incarnations()}
	}
	w.fail("unknown command")
	return nil
}

func watermark(w *words, inc messages.Incarnation) messages.Watermark {
	m := messages.Watermark{Incarnation: inc}
	w.take("at")
	m.Offset = w.number()
	if w.take("records") {
		m.Records = w.number()
	}
	if w.take("metadata") {
		m.Metadata = w.next()
	}
	return m
}

func (s *committerScript) returned(w *words) messages.CommitReturned {
	m := messages.CommitReturned{Seq: s.commit.Seq}
	if w.take("stale") {
		m.Seq--
		return m
	}
	answers := make(map[stream.Partition]*messages.CommitAnswer)
	for _, o := range s.commit.Offsets {
		answers[o.Partition] = &messages.CommitAnswer{Partition: o.Partition}
	}
	for ; w.more(); w.take(",") {
		p := w.partition()
		a := answers[p]
		switch w.next() {
		case "unanswered":
			delete(answers, p)
			continue
		case "retriable":
			a.Retriable = true
		case "too-large":
			a.MetadataTooLarge = true
		default:
		}
		a.Err = w.failure()
	}
	for _, a := range answers {
		m.Results = append(m.Results, *a)
	}
	return m
}

func (s *committerScript) step(m messages.ToCommitter) []string {
	out := &s.out
	out.Reset()
	s.c.Step(s.now, m, out)
	var l report
	l.events(out.Events)
	if out.Commit != nil {
		s.commit = *out.Commit
		text := fmt.Sprintf("commit %d:", s.commit.Seq)
		for _, w := range s.commit.Offsets {
			text += fmt.Sprintf(" %s at %d", w.Incarnation, w.Offset)
			if w.Metadata != "" {
				text += " with " + w.Metadata
			}
		}
		l.add("%s", text)
	}
	for _, r := range out.Released {
		if r.Err == nil {
			l.add("released %d", r.ID)
		} else {
			l.add("released %d, failed %v: %v", r.ID, r.Failed, r.Err)
		}
	}
	if len(out.Quiet) > 0 {
		l.add("quiet %v", out.Quiet)
	}
	l.count("stale", out.Stale)
	s.wake = out.Wake
	l.wake(s.now, out.Wake)
	return l
}
