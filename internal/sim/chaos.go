package sim

import (
	"math"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// settleTime is how long after the end of all faults everything must be done. The longest pauses that the machines make
// are 30 s, between probes of a dependency and between tries of a dead letter, and some of them may come one after another.
const settleTime = 5 * time.Minute

// begin sets the world going: processes, records, faults, and the end of them.
func (w *world) begin() {
	w.laggy = w.plan.faults.Has(Laggards)
	w.say("plan %+v faults %s", w.plan, w.plan.faults)
	if w.plan.start.Reset == core.ResetError { // somebody has set the offsets of the group before
		for _, t := range w.broker.topics {
			for _, l := range t.logs {
				w.broker.offsets[l.partition] = committed{leaderEpoch: -1}
			}
		}
	}
	if w.plan.faults.Has(Mirrored) {
		w.mirror()
	}
	for range w.plan.processes {
		w.after(nil, between(w.chance, 0, 500*time.Millisecond), func() { w.spawn(false) })
	}
	w.produce(w.plan.records)
	for _, s := range w.schedule() {
		if w.plan.faults.Has(s.fault) {
			w.strikes(s)
		}
	}
	w.after(nil, w.plan.horizon, w.calmDown)
	w.after(nil, time.Second, w.oracle.look)
}

// produce writes the next few records, until as many as planned are there.
func (w *world) produce(left int) {
	if left <= 0 {
		return
	}
	pause := time.Duration(float64(w.plan.horizon) * 0.9 / float64(w.plan.records) * 8 * -math.Log(1-w.chance.Float64()))
	w.after(nil, pause, func() {
		if w.calm {
			return
		}
		n := min(left, 1+w.chance.IntN(15))
		t := w.broker.topics[w.chance.IntN(len(w.broker.topics))]
		if !t.gone {
			l := t.logs[w.chance.IntN(len(t.logs))]
			for range n {
				w.broker.write(l, w.gap(), w.chance.IntN(200), w.nature())
			}
		}
		w.produce(left - n)
	})
}

// mirror lets the group begin with offsets that somebody has written there before: a tool that translates offsets and copies
// the metadata beside them, or one that writes its own text.
func (w *world) mirror() {
	r := w.streams[Mirrored]
	for _, t := range w.broker.topics {
		for _, l := range t.logs {
			for range 4 + r.IntN(12) {
				w.broker.write(l, 0, 10, ordinary)
			}
			at := r.Int64N(l.end)
			for _, each := range l.records[:at] {
				each.done = true
			}
			base := at
			if r.IntN(2) == 0 {
				base += 1 + r.Int64N(3)
			}
			text, _ := offset.Encode(base, t.id, []offset.Run{{First: base + 1, Last: base + 1 + r.Int64N(4)}}, 0)
			if base == at && r.IntN(2) == 0 {
				text = pick(r, "somebody else's", "t1:", text[:len(text)-2], text[:4]+"AAAA"+text[8:], "t1:"+text[8:])
			} else if base == at {
				text = ""
			}
			w.broker.offsets[l.partition] = committed{offset: at, leaderEpoch: -1, metadata: text}
		}
	}
}

// strike is a fault that happens now and then.
type strike struct {
	fault Fault
	every time.Duration
	run   func()
}

// strikes lets a fault happen again and again, at random.
func (w *world) strikes(s strike) {
	mean := float64(s.every) / w.plan.pace
	pause := time.Duration(mean * -math.Log(1-w.streams[s.fault].Float64()))
	w.after(nil, pause, func() {
		if w.calm {
			return
		}
		s.run()
		w.strikes(s)
	})
}

// schedule is everything that happens now and then.
func (w *world) schedule() []strike {
	b := w.broker
	return []strike{
		{Crash, 6 * time.Second, func() {
			if p := w.victim(Crash); p != nil {
				w.say("%s crashes", p.name)
				p.kill()
				w.revive()
			}
		}},
		{Freeze, 8 * time.Second, func() {
			if p := w.victim(Freeze); p != nil {
				p.freeze(w.span(Freeze, 50*time.Millisecond, 2*w.plan.session))
			}
		}},
		{Stop, 6 * time.Second, func() {
			if p := w.victim(Stop); p != nil {
				p.stop()
			}
		}},
		{Abort, 10 * time.Second, func() {
			if p := w.victim(Abort); p != nil {
				p.stop()
				w.after(p, w.span(Abort, 0, 3*time.Second), p.abort)
			}
		}},
		{Storm, 4 * time.Second, func() {
			if len(w.processes) < 6 {
				p := w.spawn(true)
				w.after(p, w.span(Storm, 100*time.Millisecond, 6*time.Second), p.stop)
			}
		}},
		{PollerFails, 8 * time.Second, func() {
			if p := w.victim(PollerFails); p != nil {
				each := p.pollers[w.streams[PollerFails].IntN(len(p.pollers))]
				each.client.failure = errBroken
				each.client.wake()
			}
		}},
		{ActorFails, 2 * time.Second, w.failActor},
		{CoordinatorAway, 6 * time.Second, func() {
			w.out(&b.coordinatorAway, w.span(CoordinatorAway, 100*time.Millisecond, 12*time.Second), "the coordinator")
			b.group.interrupted()
			for _, p := range w.processes {
				for _, each := range p.pollers {
					each.client.interrupted()
				}
			}
		}},
		{BrokerAway, 6 * time.Second, func() {
			w.out(&b.away, w.span(BrokerAway, 100*time.Millisecond, 8*time.Second), "the broker")
		}},
		{OutputAway, 5 * time.Second, func() {
			w.out(&b.outputAway, w.span(OutputAway, 100*time.Millisecond, 8*time.Second), "the output topic")
		}},
		{LetterAway, 5 * time.Second, func() {
			w.out(&b.letterAway, w.span(LetterAway, 100*time.Millisecond, 10*time.Second), "the dead-letter topic")
		}},
		{DependencyDown, 4 * time.Second, func() {
			w.out(&w.databases[w.streams[DependencyDown].IntN(dependencies)], w.span(DependencyDown, 100*time.Millisecond, 8*time.Second), "a dependency")
		}},
		{FactoryFails, 6 * time.Second, func() {
			w.out(&w.factories, w.span(FactoryFails, 100*time.Millisecond, 4*time.Second), "the handlers' factory")
		}},
		{Outage, 6 * time.Second, w.failHandlers},
		{Growth, 8 * time.Second, w.growTopic},
		{Retention, 2 * time.Second, w.retain},
		{Recreation, 12 * time.Second, w.recreate},
		{OperatorPauses, 4 * time.Second, w.operate},
	}
}

// out takes something away for a while.
func (w *world) out(what *bool, d time.Duration, name string) {
	if *what {
		return
	}
	*what = true
	w.say("%s is away for %s", name, d)
	w.after(nil, d, func() {
		*what = false
		w.say("%s is back", name)
	})
}

// victim draws a process that is not about to end.
func (w *world) victim(f Fault) *process {
	var able []*process
	for _, p := range w.processes {
		if !p.stopping && !p.frozen {
			able = append(able, p)
		}
	}
	if len(able) == 0 {
		return nil
	}
	return able[w.streams[f].IntN(len(able))]
}

// failHandlers takes something away that handlers need and do not name.
func (w *world) failHandlers() {
	w.out(&w.outage, w.span(Outage, 100*time.Millisecond, 8*time.Second), "what handlers need")
}

func (w *world) failActor() {
	p := w.victim(ActorFails)
	if p == nil {
		return
	}
	living := p.partitions.living()
	if len(living) == 0 {
		return
	}
	part := living[w.streams[ActorFails].IntN(len(living))]
	if w.streams[ActorFails].IntN(2) == 0 {
		part.actor.tell(crashActor{})
		return
	}
	part.poller.actor.tell(messages.PartitionFailed{Incarnation: part.inc, Err: errStart})
}

// topicFor draws a topic that is there.
func (w *world) topicFor(f Fault) *topic {
	t := w.broker.topics[w.streams[f].IntN(len(w.broker.topics))]
	if t.gone {
		return nil
	}
	return t
}

func (w *world) growTopic() {
	if t := w.topicFor(Growth); t != nil && len(t.logs) < 6 {
		w.say("%s grows", t.name)
		w.broker.grow(t, len(t.logs)+1+w.streams[Growth].IntN(2))
	}
}

func (w *world) retain() {
	t := w.topicFor(Retention)
	if t == nil {
		return
	}
	r := w.streams[Retention]
	l := t.logs[r.IntN(len(t.logs))]
	switch {
	case l.end == l.start:
	case r.IntN(3) > 0:
		w.broker.compact(l, r.IntN(len(l.records)), 1+r.IntN(40))
	default:
		w.broker.trim(l, l.start+1+r.Int64N(l.end-l.start))
	}
}

func (w *world) recreate() {
	t := w.topicFor(Recreation)
	if t == nil {
		return
	}
	w.say("%s is deleted", t.name)
	w.broker.remove(t)
	w.after(nil, w.span(Recreation, 10*time.Millisecond, 4*time.Second), func() {
		w.say("%s is made again", t.name)
		w.broker.create(t.name, len(t.logs))
	})
}

// operate pauses and resumes partitions that a process owns.
func (w *world) operate() {
	p := w.victim(OperatorPauses)
	if p == nil {
		return
	}
	r := w.streams[OperatorPauses]
	var owned []stream.Partition
	for _, each := range p.pollers {
		for _, inc := range each.ownership.Incarnations() {
			if r.IntN(2) == 0 {
				owned = append(owned, inc.Partition)
			}
		}
	}
	if w.plan.partition.HoldKeys && r.IntN(2) == 0 {
		w.releaseKeys(p)
	}
	if paused := p.pausedNow(); len(paused) > 0 && r.IntN(2) == 0 {
		p.pause(paused, false)
	} else if len(owned) > 0 {
		slices.SortFunc(owned, stream.ComparePartitions)
		p.pause(owned, true)
	}
}

// releaseKeys lets an operator release all keys that a process holds.
func (w *world) releaseKeys(p *process) {
	for _, part := range p.partitions.living() {
		part.actor.tell(messages.ReleaseKeys{All: true})
	}
}

// releaseAll does so in all processes, now and then: there is a limit of keys that can be held.
func (w *world) releaseAll() {
	for _, p := range w.processes {
		w.releaseKeys(p)
	}
	w.after(nil, settleTime/10, w.releaseAll)
}

// calmDown ends all faults: what is away comes back, who is frozen thaws, endless attempts end, an operator resumes what is
// paused. From here on everything must come to its end.
func (w *world) calmDown() {
	w.say("faults stop")
	w.calm, w.laggy, w.factories, w.outage = true, false, false, false
	b := w.broker
	b.away, b.coordinatorAway, b.outputAway, b.letterAway = false, false, false, false
	b.metadataLimit = metadataLimitUsual
	clear(w.databases[:])
	for _, p := range slices.Clone(w.processes) {
		p.thaw()
		if paused := p.pausedNow(); len(paused) > 0 {
			p.pause(paused, false)
		}
	}
	if w.plan.partition.HoldKeys {
		w.after(nil, settleTime/10, w.releaseAll)
	}
	w.oracle.calmed()
}
