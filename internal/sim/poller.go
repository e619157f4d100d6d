package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// poller is the shell around one consumer. It is blocked while it polls, and while revoked partitions drain.
type poller struct {
	w         *world
	of        *process
	actor     *actor
	name      string
	number    int
	client    *client
	committer *committer

	ownership *core.Ownership
	effects   core.OwnershipEffects
	parts     map[messages.Incarnation]*partition
	shares    map[messages.Incarnation]*flow.Share
	topicIDs  map[stream.Partition]string // of what is read, for the oracle
	told      map[stream.Partition]bool   // that an operator has paused it, likewise
	timer     timer
	tick      func()

	recordSize   int64
	taken        func() // gives back what is reserved for a poll
	flowAt       int64
	topicsAt     int64
	askingTopics bool
	releases     uint64
	releasing    map[uint64][]messages.Incarnation // for the oracle
	revoking     *revocation
	closing      *closePoller
	unfinished   []string
	broken       bool
	replaced     bool
	reported     bool
}

type pollNext struct{}

// closePoller stops a poller in good order.
type closePoller struct{ deadline int64 }

// partitionSpawned answers spawnPartition.
type partitionSpawned struct{ part *partition }

func newPoller(of *process, number int) *poller {
	w := of.w
	p := &poller{
		w: w, of: of, name: fmt.Sprintf("%s/poller-%d", of.name, number), number: number,
		parts: make(map[messages.Incarnation]*partition), shares: make(map[messages.Incarnation]*flow.Share),
		topicIDs: make(map[stream.Partition]string), told: make(map[stream.Partition]bool), releasing: make(map[uint64][]messages.Incarnation),
		ownership: newOwnership(w, of.epochs), timer: timer{w: w, of: of},
	}
	p.tick = func() { p.actor.tell(messages.OwnershipTick{}) }
	p.actor = newActor(of, p.receive, p.stop)
	p.client = newClient(p, p.name)
	p.committer = newCommitter(p)
	if paused := of.pausedNow(); len(paused) > 0 {
		p.step(messages.OperatorPaused{Partitions: paused, Paused: true})
	}
	p.client.subscribe()
	p.actor.tell(pollNext{})
	return p
}

func (p *poller) receive(m any) {
	if c, ok := m.(closePoller); ok && p.broken {
		_ = c
		p.of.pollerClosed(p, closeReport{unfinished: []string{p.name + " failed before"}})
	}
	if p.broken {
		return
	}
	switch m := m.(type) {
	case pollNext:
		p.poll()
	case partitionSpawned:
		inc := m.part.inc
		p.parts[inc] = m.part
		p.step(messages.PartitionReady{Incarnation: inc})
		if active, ok := p.ownership.Active(inc.Partition); !ok || active != inc {
			p.stopIncarnation(inc)
		}
	case messages.ToOwnership:
		p.step(m)
	case closePoller:
		p.close(m)
	}
}

func (p *poller) member() bool { return p.ownership.Member() }

// poll begins one bounded poll; the poller is blocked until it returns.
func (p *poller) poll() {
	if p.closing != nil {
		return
	}
	wait := pollWaitMax
	if !p.ownership.Settled() {
		wait = pollWaitMin
	}
	p.actor.blocked = true
	room, taken := p.room()
	p.taken = taken
	p.client.poll(wait, room)
}

func (p *poller) pollReturned(batches []batch, err error) {
	p.actor.unblock()
	defer p.taken()
	if p.broken {
		return
	}
	for _, b := range batches {
		p.feed(b)
	}
	if err != nil {
		p.fail(err)
		return
	}
	if account := p.of.account; p.w.now > p.flowAt || account.Used() > account.Limit()/2 {
		p.flowAt = p.w.now + int64(flowInterval)
		p.decideFlow()
	}
	if p.w.now > p.topicsAt {
		p.topicsAt = p.w.now + int64(topicsInterval)
		p.lookAtTopics()
	}
	p.actor.tell(pollNext{})
}

// room is how many records a poll may bring. It is reserved until what has come is charged.
func (p *poller) room() (records int, taken func()) {
	account := p.of.account
	if account.Limit() <= 0 {
		return pollRecordsMax, func() {}
	}
	size := p.recordSize
	if size == 0 {
		size = recordSizeGuess
	}
	taken = account.Reserve(func(left int64) int64 {
		part := left / int64(1+p.w.plan.pollers)
		records = int(min(max(part/size, 1), pollRecordsMax))
		return int64(records) * size
	})
	return records, taken
}

// feed gives a batch to its partition's actor, and charges the budget.
func (p *poller) feed(b batch) {
	inc, ok := p.ownership.Active(b.partition)
	part := p.parts[inc]
	if !ok || part == nil {
		return
	}
	records := make([]stream.Record, len(b.records))
	bytes := int64(0)
	for i, r := range b.records {
		records[i] = stream.Record{
			Topic: b.partition.Topic, Partition: b.partition.Number, Offset: r.offset, LeaderEpoch: leaderEpoch(r.offset), Key: r.key, Value: r.value,
			Timestamp: epoch,
		}
		bytes += records[i].Size()
	}
	p.recordSize += (bytes/int64(len(records)) - p.recordSize) / 8
	p.of.largest = max(p.of.largest, bytes)
	p.shares[inc].Take(bytes)
	p.w.oracle.fed(part, b.records)
	part.actor.tell(messages.Records{Records: records})
}

// decideFlow pauses and resumes partitions by what they hold of the process's budget.
func (p *poller) decideFlow() {
	account := p.of.account
	p.noteIntakes()
	held := account.Holdings()
	pause, resume := flow.Decide(account.Limit(), account.Used(), held)
	p.w.oracle.flowDecided(p, held, pause, resume)
	foreign := func(s stream.Partition) bool {
		_, active := p.ownership.Active(s)
		return !active
	}
	pause, resume = slices.DeleteFunc(pause, foreign), slices.DeleteFunc(resume, foreign)
	if len(pause)+len(resume) == 0 && !p.ownership.Untold(p.w.time()) {
		return
	}
	p.step(messages.FlowDecided{Pause: pause, Resume: resume, Used: account.Used()})
	p.noteIntakes()
}

// noteIntakes tells the budget which of the partitions are being delivered.
func (p *poller) noteIntakes() {
	for inc, share := range p.shares {
		intake := flow.IntakeClosed
		if active, ok := p.ownership.Active(inc.Partition); ok && active == inc {
			intake = flow.IntakeOpen
			if p.ownership.Full(inc.Partition) {
				intake = flow.IntakePaused
			}
		}
		share.SetIntake(intake)
	}
}

func (p *poller) stopIncarnation(inc messages.Incarnation) {
	if share := p.shares[inc]; share != nil {
		share.SetIntake(flow.IntakeClosed)
		delete(p.shares, inc)
	}
	delete(p.parts, inc)
	p.of.partitions.actor.tell(stopPartition{inc: inc})
}

// fail reports that this poller is of no more use. Its incarnations end without a commit.
func (p *poller) fail(err error) {
	p.broken = true
	p.w.after(p.of, p.w.hop(), func() { p.of.pollerFailed(p, err) })
}

// stop ends what is left when the actor ends.
func (p *poller) stop() {
	p.timer.stop()
	for _, inc := range sorted(p.parts) {
		p.stopIncarnation(inc)
	}
	for _, inc := range p.ownership.Incarnations() { // also those whose actor was asked for, and is not known yet
		p.of.partitions.actor.tell(stopPartition{inc: inc})
	}
	p.committer.actor.end()
}

func sorted[V any](m map[messages.Incarnation]V) []messages.Incarnation {
	incs := make([]messages.Incarnation, 0, len(m))
	for inc := range m {
		incs = append(incs, inc)
	}
	slices.SortFunc(incs, func(a, b messages.Incarnation) int { return int(a.Epoch) - int(b.Epoch) })
	return incs
}

// close gives everything back in good order, and only then closes the consumer.
func (p *poller) close(m closePoller) {
	p.closing, p.unfinished = &m, nil
	p.actor.blocked = true
	end := func() {
		p.client.close(m.deadline, func(err error) {
			if err != nil {
				p.note("closing the consumer: %v", err)
			}
			p.actor.unblock()
			p.of.pollerClosed(p, closeReport{unfinished: p.unfinished})
		})
	}
	owned := partitionsOf(p.ownership.Incarnations())
	if len(owned) == 0 {
		end()
		return
	}
	p.revoked(owned, func(err error) {
		if err == nil {
			p.w.oracle.acknowledged(p.client, owned)
		}
		end()
	})
}

func (p *poller) note(format string, args ...any) {
	p.unfinished = append(p.unfinished, fmt.Sprintf(p.name+": "+format, args...))
}

// retire closes the client of a poller that has failed.
func (c *client) retire(deadline int64, done func(error)) { c.close(deadline, done) }

// left is how long it is until a moment.
func (w *world) left(at int64) time.Duration { return time.Duration(at - w.now) }
