package sim

import (
	"slices"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/stream"
)

// slots is the shell around the process's pool of handlers that may run at once.
type slots struct {
	of      *process
	machine *flow.Slots
	last    uint64
	waiting map[uint64]func()
}

func newSlots(of *process) *slots {
	return &slots{of: of, machine: flow.NewSlots(of.w.plan.concurrency), waiting: make(map[uint64]func())}
}

// acquire takes a slot, or lets granted happen when it is there.
func (s *slots) acquire(granted func()) (id uint64, now bool) {
	s.last++
	if s.machine.Acquire(s.last) {
		s.check()
		return s.last, true
	}
	s.waiting[s.last] = granted
	return s.last, false
}

// cancel ends a wait. One whose slot has been granted at the same moment gives it back.
func (s *slots) cancel(id uint64) {
	if _, still := s.waiting[id]; still {
		delete(s.waiting, id)
		s.machine.Cancel(id)
		return
	}
	s.release()
}

func (s *slots) release() {
	id, ok := s.machine.Release()
	s.grant(id, ok)
}

func (s *slots) lend() bool {
	lent, id, granted := s.machine.Lend()
	s.grant(id, granted)
	return lent
}

func (s *slots) reclaim() { s.machine.Reclaim() }

func (s *slots) grant(id uint64, ok bool) {
	if !ok {
		return
	}
	granted := s.waiting[id]
	delete(s.waiting, id)
	granted()
	s.check()
}

func (s *slots) check() {
	if n := s.machine.Running(); n > s.of.w.plan.concurrency {
		s.of.w.violate("concurrency", "%d handlers run at once, %d may", n, s.of.w.plan.concurrency)
	}
}

// orphans is the shell's register of attempts that still run although their incarnation has ended.
type orphans struct {
	of      *process
	running map[stream.Partition][]*orphan
}

type orphan struct{ waiters []func() }

func newOrphans(of *process) *orphans {
	return &orphans{of: of, running: make(map[stream.Partition][]*orphan)}
}

func (o *orphans) add(p stream.Partition) (ended func()) {
	a := &orphan{}
	o.running[p] = append(o.running[p], a)
	return func() {
		o.running[p] = slices.DeleteFunc(o.running[p], func(other *orphan) bool { return other == a })
		for _, gone := range a.waiters {
			gone()
		}
	}
}

// wait says whether no attempt at records of the partition is left; else gone happens when the first has ended.
func (o *orphans) wait(p stream.Partition, gone func()) bool {
	running := o.running[p]
	if len(running) == 0 {
		return true
	}
	running[0].waiters = append(running[0].waiters, gone)
	return false
}
