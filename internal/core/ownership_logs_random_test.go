package core

import (
	"cmp"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// ownershipLogs is what an ownershipWorld has of the brokers' logs and of how far the client's sight of them goes. Logs are
// cut at either end, and their topic is made anew; somebody moves what is committed.
type ownershipLogs struct {
	config     OwnershipConfig
	id         string // of the topic
	partitions []stream.Partition
	logs       map[stream.Partition]*ownershipLog
	// known is the topic's id when a partition was last started, in this assignment.
	known map[stream.Partition]string
	// spawned is where incarnations begin.
	spawned map[messages.Incarnation]int64
	ended   []messages.Incarnation
	// outside holds what the client has said about its position and nobody has looked up yet.
	outside map[stream.Partition]messages.PositionOutside
	stands  map[stream.Partition]bool // the client delivers nothing until it is told where
	stopped map[stream.Partition]bool // and the policy is not to tell it
}

type ownershipLog struct{ start, end, committed int64 }

func newOwnershipLogs(t *rapid.T) ownershipLogs {
	policies := rapid.SampledFrom([]Reset{ResetEarliest, ResetLatest, ResetError})
	l := ownershipLogs{
		config: OwnershipConfig{Reset: policies.Draw(t, "without an offset"), OutOfRange: policies.Draw(t, "outside the log")},
		id:     "1", logs: make(map[stream.Partition]*ownershipLog), known: make(map[stream.Partition]string),
		spawned: make(map[messages.Incarnation]int64), outside: make(map[stream.Partition]messages.PositionOutside),
		stands: make(map[stream.Partition]bool), stopped: make(map[stream.Partition]bool),
	}
	for n := range rapid.Int32Range(1, 4).Draw(t, "partitions") {
		p := stream.Partition{Topic: "orders", Number: n}
		l.partitions = append(l.partitions, p)
		l.logs[p] = &ownershipLog{committed: 5, end: 10}
	}
	return l
}

// choose gives the offset of a policy, or -1.
func (l *ownershipLog) choose(policy Reset) int64 {
	return [...]int64{ResetEarliest: l.start, ResetLatest: l.end, ResetError: -1}[policy]
}

// unread is what ends with an incarnation.
func (l *ownershipLogs) unread(p stream.Partition) {
	delete(l.outside, p)
	delete(l.stands, p)
	delete(l.stopped, p)
}

func (w *ownershipWorld) logActions() map[string]func(*rapid.T) {
	change := func(f func(t *rapid.T, l *ownershipLog)) func(*rapid.T) {
		return func(t *rapid.T) {
			f(t, w.logs[rapid.SampledFrom(w.partitions).Draw(t, "log")])
		}
	}
	return map[string]func(*rapid.T){
		"append": change(func(t *rapid.T, l *ownershipLog) { l.end += rapid.Int64Range(1, 10).Draw(t, "records") }),
		"trim":   change(func(t *rapid.T, l *ownershipLog) { l.start = rapid.Int64Range(l.start, l.end).Draw(t, "start") }),
		"cut":    change(func(t *rapid.T, l *ownershipLog) { l.end = rapid.Int64Range(l.start, l.end).Draw(t, "end") }),
		"commit": change(func(t *rapid.T, l *ownershipLog) { l.committed = rapid.Int64Range(-1, l.end+5).Draw(t, "offset") }),
		"recreate": func(t *rapid.T) {
			w.id += "+"
			for _, p := range w.partitions {
				l := w.logs[p]
				l.start, l.end = 0, rapid.Int64Range(0, 20).Draw(t, "end")
				if rapid.Bool().Draw(t, "forgotten") {
					l.committed = -1
				}
			}
			if rapid.Bool().Draw(t, "seen") {
				w.topicsSeen(w.id)
			}
		},
		"topics seen":    func(*rapid.T) { w.topicsSeen(w.id) },
		"topic not seen": func(*rapid.T) { w.topicsSeen("") },
		"outside": func(t *rapid.T) {
			p := w.pick(t, true)
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				w.sayOutside(t, p)
			}
		},
		"outside, too late": w.sayOutsideTooLate,
	}
}

// sayOutside has the client say that it cannot read on. One that stands still says nothing more.
func (w *ownershipWorld) sayOutside(t *rapid.T, p stream.Partition) {
	inc, active := w.o.Active(p)
	if !active || w.stands[p] {
		t.Skip("the client does not read it")
	}
	l := w.logs[p]
	l.start = rapid.Int64Range(l.start, l.end).Draw(t, "start")
	below, in, beyond := rapid.Int64Range(0, l.start), rapid.Int64Range(l.start, l.end), rapid.Int64Range(l.end+1, l.end+5)
	m := messages.PositionOutside{Incarnation: inc, Position: rapid.OneOf(below, in, beyond).Draw(t, "position")}
	m.Halted = w.config.OutOfRange == ResetError || m.Position > l.end || rapid.Bool().Draw(t, "halted")
	before, again := w.outside[p]
	sum := m
	if again {
		sum.Position, sum.Halted = min(m.Position, before.Position), m.Halted || before.Halted
	}
	w.outside[p], w.stands[p] = sum, m.Halted
	w.step(m)
	want := OwnershipEffects{Wake: w.out.Wake}
	if !again {
		want.Lookup = []messages.Incarnation{inc}
	}
	w.require(want)
}

func (w *ownershipWorld) sayOutsideTooLate(t *rapid.T) {
	if len(w.ended) == 0 {
		t.Skip("nothing has ended")
	}
	inc := rapid.SampledFrom(w.ended).Draw(t, "incarnation")
	w.step(messages.PositionOutside{Incarnation: inc, Position: 1, Halted: true})
	w.require(OwnershipEffects{Stale: 1, Wake: w.out.Wake})
}

// topicsSeen: every incarnation that reads another topic of that name ends, and no other.
func (w *ownershipWorld) topicsSeen(id string) {
	want := OwnershipEffects{}
	for _, inc := range w.o.Incarnations() {
		if _, active := w.o.Active(inc.Partition); active && w.anew(inc.Partition, id) {
			w.end(inc, id, &want)
		}
	}
	w.step(messages.TopicsSeen{IDs: map[string]string{"orders": id}})
	w.requireEnded(want)
}

// anew says whether an id is that of another topic than the one that a partition was read of.
func (w *ownershipWorld) anew(p stream.Partition, id string) bool {
	return w.known[p] != "" && id != "" && w.known[p] != id
}

// end adds what becomes of an incarnation that must not go on.
func (w *ownershipWorld) end(inc messages.Incarnation, id string, want *OwnershipEffects) {
	want.Stop, want.Disown = append(want.Stop, inc), append(want.Disown, inc)
	if w.client[inc.Partition] {
		want.Pause = append(want.Pause, inc.Partition)
	}
	event := stream.TopicRecreated{Topic: "orders", OldID: w.known[inc.Partition], NewID: id}
	if w.anew(inc.Partition, id) && !slices.Contains(want.Events, stream.Event(event)) {
		want.Events = append(want.Events, event)
	}
}

// requireEnded: for each that ends another begins, which looks up.
func (w *ownershipWorld) requireEnded(want OwnershipEffects) {
	require.Len(w.t, w.out.Lookup, len(want.Stop))
	for i, inc := range w.out.Lookup {
		require.Equal(w.t, want.Stop[i].Partition, inc.Partition)
		require.Greater(w.t, inc.Epoch, want.Stop[i].Epoch)
	}
	want.Lookup, want.Wake = w.out.Lookup, w.out.Wake
	w.require(want)
}

// require compares effects, of which none and an empty list are the same.
func (w *ownershipWorld) require(want OwnershipEffects) {
	require.Equal(w.t, withoutEmpty(want), withoutEmpty(w.out))
}

func withoutEmpty(e OwnershipEffects) OwnershipEffects {
	e.Lookup, e.Spawn, e.Own, e.Start = none(e.Lookup), none(e.Spawn), none(e.Own), none(e.Start)
	e.Pause, e.Resume, e.Operator = none(e.Pause), none(e.Resume), none(e.Operator)
	e.Stop, e.Disown, e.Events = none(e.Stop), none(e.Disown), none(e.Events)
	return e
}

func none[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// find answers a lookup with what the brokers say now.
func (w *ownershipWorld) find(inc messages.Incarnation, id string, err error) {
	p := inc.Partition
	m := messages.PositionFound{Incarnation: inc, Err: err}
	if l := w.logs[p]; err == nil {
		m.Position = messages.Position{Committed: l.committed, LogStart: l.start, LogEnd: l.end, TopicID: id}
	}
	said, reads := w.outside[p]
	switch {
	case w.owned[p] != inc:
		w.step(m)
		w.require(OwnershipEffects{Stale: 1, Wake: w.out.Wake})
	case reads && err != nil:
		w.step(m)
		w.require(OwnershipEffects{Wake: w.out.Wake})
		require.False(w.t, w.out.Wake.IsZero(), "it is looked up again")
	case reads:
		w.findWhileRead(said, m)
	default:
		w.findStart(m)
	}
}

// findWhileRead is the answer for a partition whose position is said to be outside its log.
func (w *ownershipWorld) findWhileRead(said messages.PositionOutside, m messages.PositionFound) {
	p, l := m.Partition, w.logs[m.Partition]
	delete(w.outside, p)
	want := OwnershipEffects{}
	if w.anew(p, m.Position.TopicID) || said.Position > l.end {
		w.end(m.Incarnation, m.Position.TopicID, &want)
		w.step(m)
		w.requireEnded(want)
		return
	}
	to, move := said.Position, said.Halted
	if said.Position < l.start {
		to = l.choose(w.config.OutOfRange)
		move = to >= 0 && (said.Halted || to != l.start)
		w.stopped[p] = to < 0
		want.Events = []stream.Event{stream.OutOfRange{
			Partition: p, Epoch: m.Epoch, Position: said.Position, LogStart: l.start, LogEnd: l.end, Chosen: to,
		}}
	}
	if move {
		want.Start = []StartFetch{{Incarnation: m.Incarnation, Offset: to}}
		if !w.client[p] {
			want.Pause = []stream.Partition{p}
		}
	}
	w.step(m)
	want.Wake = w.out.Wake
	w.require(want)
}

// findStart is the answer for a partition that begins: at what is committed, unless that means nothing in this log. What
// counts as committed is never above the start, or it would keep commits back until the partition has got there again.
func (w *ownershipWorld) findStart(m messages.PositionFound) {
	p, l := m.Partition, w.logs[m.Partition]
	anew := w.anew(p, m.Position.TopicID)
	outside := anew || l.committed >= 0 && (l.committed < l.start || l.committed > l.end)
	begin := l.committed
	own := messages.Own{Incarnation: m.Incarnation, Start: -1}
	switch {
	case outside:
		begin = l.choose(w.config.OutOfRange)
		own.Start = begin
	case l.committed < 0:
		begin = l.choose(w.config.Reset)
		own.Start = begin
	}
	own.Committed = min(l.committed, begin)
	w.step(m)
	if m.Err != nil || begin < 0 {
		require.Empty(w.t, w.out.Spawn)
		require.Empty(w.t, w.out.Own)
		require.False(w.t, w.out.Wake.IsZero(), "it is looked up again")
		return
	}
	want := OwnershipEffects{
		Own:   []messages.Own{own},
		Spawn: []PartitionStart{{Incarnation: m.Incarnation, Offset: begin, TopicID: m.Position.TopicID}},
		Wake:  w.out.Wake,
	}
	if outside {
		want.Events = []stream.Event{stream.OutOfRange{
			Partition: p, Epoch: m.Epoch, Position: l.committed, LogStart: l.start, LogEnd: l.end, Chosen: begin,
		}}
	}
	w.require(want)
	w.known[p] = cmp.Or(m.Position.TopicID, w.known[p])
	w.spawned[m.Incarnation] = begin
}

// mend makes every start possible: with the policy to stop, somebody moves what is committed, and the group moves what was
// read of another topic, which frees its next owner from knowing that.
func (w *ownershipWorld) mend() {
	for _, inc := range w.o.Incarnations() {
		w.logs[inc.Partition].committed = w.logs[inc.Partition].start
		if w.anew(inc.Partition, w.id) {
			w.forget(inc.Partition)
			w.step(messages.PartitionsRevoked{Partitions: []stream.Partition{inc.Partition}})
		}
	}
}

// requireAnswered: a client that said that it cannot read on has been told where, unless the policy is to stop.
func (w *ownershipWorld) requireAnswered(p stream.Partition) {
	require.NotContains(w.t, w.outside, p)
	require.Equal(w.t, w.stopped[p], w.stands[p], "%s", p)
	cause, _, _, stuck := w.o.Status(p)
	require.Equal(w.t, w.stopped[p], stuck && cause == stream.OffsetOutOfRange, "%s", p)
}
