package sim

import (
	"slices"

	"github.com/troupe-go/troupe/stream"
)

// orphans is the shell's register of attempts that still run although their incarnation has ended.
type orphans struct {
	running map[stream.Partition][]*orphan
}

type orphan struct{ waiters []func() }

func newOrphans() *orphans { return &orphans{running: make(map[stream.Partition][]*orphan)} }

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
