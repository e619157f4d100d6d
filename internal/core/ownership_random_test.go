package core

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// ownershipWorld is a deliberately dumb model around one ownership machine: a broker that assigns and revokes, lookups and
// spawns that end when the schedule says so, also after a revoke, and a client that delivers or does not. Its logs are in
// ownership_logs_random_test.go.
type ownershipWorld struct {
	ownershipLogs
	t        *rapid.T
	o        *Ownership
	now      time.Time
	out      OwnershipEffects
	owned    map[stream.Partition]messages.Incarnation
	lookups  []messages.Incarnation
	spawns   []messages.Incarnation
	epoch    uint64
	client   map[stream.Partition]bool // whether it delivers
	operator map[stream.Partition]bool // paused
	full     map[stream.Partition]bool
}

func newOwnershipWorld(t *rapid.T) *ownershipWorld {
	logs := newOwnershipLogs(t)
	return &ownershipWorld{
		ownershipLogs: logs,
		t:             t, now: epoch, o: NewOwnership(logs.config, &Epochs{}), owned: make(map[stream.Partition]messages.Incarnation),
		client: make(map[stream.Partition]bool), operator: make(map[stream.Partition]bool), full: make(map[stream.Partition]bool),
	}
}

func (w *ownershipWorld) step(m messages.ToOwnership) {
	w.out.Reset()
	w.o.Step(w.now, m, &w.out)
	for _, inc := range w.out.Lookup {
		if slices.Contains(w.lookups, inc) {
			w.t.Fatalf("%s is looked up twice at once", inc)
		}
		if known, again := w.owned[inc.Partition]; !again || known != inc {
			if inc.Epoch <= w.epoch {
				w.t.Fatalf("%s begins after epoch %d", inc, w.epoch)
			}
			if again {
				w.ended = append(w.ended, known)
			}
			delete(w.full, inc.Partition)
			w.unread(inc.Partition)
		}
		w.epoch = max(w.epoch, inc.Epoch)
		w.owned[inc.Partition] = inc
		w.lookups = append(w.lookups, inc)
	}
	for _, s := range w.out.Spawn {
		w.spawns = append(w.spawns, s.Incarnation)
	}
	for _, s := range w.out.Start {
		if w.owned[s.Partition] != s.Incarnation {
			w.t.Fatalf("%s starts and is not owned", s.Incarnation)
		}
		w.client[s.Partition] = true
		delete(w.stands, s.Partition)
	}
	for _, p := range w.out.Pause {
		w.client[p] = false
	}
	for _, p := range w.out.Resume {
		w.client[p] = true
	}
	w.check()
}

func (w *ownershipWorld) check() {
	for _, p := range w.partitions {
		inc, active := w.o.Active(p)
		owned, is := w.owned[p]
		switch {
		case active && !is:
			w.t.Fatalf("%s is active and not owned", inc)
		case active && inc != owned:
			w.t.Fatalf("%s is active, owned is %s", inc, owned)
		case is && w.client[p] != (active && !w.operator[p] && !w.full[p]):
			w.t.Fatalf("%s: the client delivers: %t; active %t, paused by an operator %t, by the budget %t",
				owned, w.client[p], active, w.operator[p], w.full[p])
		case w.o.Fetching(p) != (w.client[p] && !w.stopped[p]):
			w.t.Fatalf("%s: it is meant to be read: %t; the client delivers: %t, stopped by the policy: %t",
				owned, w.o.Fetching(p), w.client[p], w.stopped[p])
		case w.o.Full(p) != w.full[p]:
			w.t.Fatalf("%s: full %t, want %t", p, w.o.Full(p), w.full[p])
		}
	}
}

// pick draws one of the partitions that are owned, or of those that are not.
func (w *ownershipWorld) pick(t *rapid.T, owned bool) stream.Partition {
	var list []stream.Partition
	for _, p := range w.partitions {
		if _, is := w.owned[p]; is == owned {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		t.Skip("there is none")
	}
	return rapid.SampledFrom(list).Draw(t, "partition")
}

// forget is what ends with an assignment, in the client too.
func (w *ownershipWorld) forget(p stream.Partition) {
	w.ended = append(w.ended, w.owned[p])
	w.unread(p)
	delete(w.known, p)
	delete(w.owned, p)
	delete(w.client, p)
	delete(w.full, p)
}

func (w *ownershipWorld) take(list *[]messages.Incarnation) messages.Incarnation {
	i := rapid.IntRange(0, len(*list)-1).Draw(w.t, "which")
	inc := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return inc
}

func (w *ownershipWorld) lose() {
	lost := slices.Collect(maps.Keys(w.owned))
	for _, p := range lost {
		w.forget(p)
	}
	w.step(messages.PartitionsLost{Partitions: lost})
	if len(w.out.Stop) != len(lost) || len(w.out.Disown) != len(lost) {
		w.t.Fatalf("%d lost, %d stopped, %d disowned", len(lost), len(w.out.Stop), len(w.out.Disown))
	}
}

// flow has the budget pause a partition, or resume it. It has no say in one that is not read yet.
func (w *ownershipWorld) flow(p stream.Partition) {
	full := !w.full[p]
	m := messages.FlowDecided{Resume: []stream.Partition{p}}
	if full {
		m = messages.FlowDecided{Pause: []stream.Partition{p}}
	}
	if _, active := w.o.Active(p); active {
		w.full[p] = full
	}
	w.step(m)
}

func (w *ownershipWorld) tick(at time.Time) {
	w.now = at
	w.step(messages.OwnershipTick{})
}

func TestOwnershipAgreesWithTheDumbModelUnderAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newOwnershipWorld(t)
		owned := func(f func(p stream.Partition)) func(*rapid.T) {
			return func(t *rapid.T) { f(w.pick(t, true)) }
		}
		actions := w.logActions()
		maps.Copy(actions, map[string]func(*rapid.T){
			"assign": func(t *rapid.T) {
				w.step(messages.PartitionsAssigned{Partitions: []stream.Partition{w.pick(t, false)}})
			},
			"revoke": owned(func(p stream.Partition) {
				w.forget(p)
				w.step(messages.PartitionsRevoked{Partitions: []stream.Partition{p}})
			}),
			"lost": func(*rapid.T) { w.lose() },
			"looked up": func(t *rapid.T) {
				if len(w.lookups) == 0 {
					t.Skip("nothing is looked up")
				}
				var err error
				if rapid.Bool().Draw(t, "fails") {
					err = errors.New("coordinator away")
				}
				id := rapid.SampledFrom([]string{w.id, w.id, ""}).Draw(t, "id")
				w.find(w.take(&w.lookups), id, err)
			},
			"spawned": func(t *rapid.T) {
				if len(w.spawns) == 0 {
					t.Skip("nothing is spawned")
				}
				w.ready(w.take(&w.spawns))
			},
			"failed": owned(func(p stream.Partition) {
				w.step(messages.PartitionFailed{Incarnation: w.owned[p], Err: errors.New("bug")})
			}),
			"operator": owned(func(p stream.Partition) {
				w.operator[p] = !w.operator[p]
				w.step(messages.OperatorPaused{Partitions: []stream.Partition{p}, Paused: w.operator[p]})
			}),
			"memory": owned(w.flow),
			"time": func(t *rapid.T) {
				w.tick(w.now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond))
			},
		})
		actions["all goes well"] = func(*rapid.T) { w.goOn() }
		for range 10 { // a run is too short for all that may happen to a partition
			t.Repeat(actions)
		}
		w.settle()
	})
}

func (w *ownershipWorld) ready(inc messages.Incarnation) {
	w.step(messages.PartitionReady{Incarnation: inc})
	for _, s := range w.out.Start {
		require.Equal(w.t, w.spawned[inc], s.Offset)
	}
}

// goOn lets what is under way succeed, as far as the logs allow it. Answers for incarnations that have ended come later.
func (w *ownershipWorld) goOn() {
	ended := func(inc messages.Incarnation) bool { return w.owned[inc.Partition] != inc }
	due := slices.DeleteFunc(slices.Clone(w.lookups), ended)
	w.lookups = slices.DeleteFunc(w.lookups, func(inc messages.Incarnation) bool { return !ended(inc) })
	for _, inc := range due {
		w.find(inc, w.id, nil)
	}
	for range len(w.spawns) {
		w.ready(w.take(&w.spawns))
	}
}

// settle lets every lookup and spawn succeed: then every partition that is owned is read.
func (w *ownershipWorld) settle() {
	w.mend()
	for range 1000 {
		w.tick(w.now)
		switch {
		case len(w.lookups) > 0:
			w.find(w.take(&w.lookups), w.id, nil)
		case len(w.spawns) > 0:
			w.ready(w.take(&w.spawns))
		case !w.out.Wake.IsZero():
			w.tick(w.out.Wake)
		default:
			for p := range w.owned {
				if _, active := w.o.Active(p); !active {
					w.t.Fatalf("%s is never read", p)
				}
				w.requireAnswered(p)
			}
			if !w.o.Settled() {
				w.t.Fatal("not settled")
			}
			return
		}
	}
	w.t.Fatal("does not settle")
}
