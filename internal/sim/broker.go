package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// broker is the cluster: logs, committed offsets, the group's coordinator, and the topics that outputs and dead letters go
// to.
type broker struct {
	w       *world
	topics  []*topic          // in the order of their first creation
	every   map[string]*topic // by id, those that are gone too
	records []*record
	group   *group
	offsets map[stream.Partition]committed
	ids     int
	filler  []byte

	away            bool // nobody serves fetches, produces and lookups
	coordinatorAway bool
	outputAway      bool
	letterAway      bool
	metadataLimit   int
	changed         bool // a look at the topics by the group is due
}

// topic is one life of a topic: made again, it has another id.
type topic struct {
	name string
	id   string
	logs []*partitionLog
	gone bool
}

// partitionLog is the log of a partition, and what the oracle knows of it.
type partitionLog struct {
	topic     *topic
	partition stream.Partition
	records   []*record // ascending by offset; retention moves start, and takes none out
	start     int64
	end       int64

	lowest  int     // in records: all before it are done, or not wanted
	floor   int64   // what is below was left out on purpose, by a policy
	thinned bool    // some of its records are gone
	excused bool    // it waits for an operator, by a policy
	strange []int64 // offsets that were committed for it and meant for a topic of that name that is gone
}

// record is one record of an input topic, and the truth about it.
type record struct {
	log    *partitionLog
	offset int64
	key    []byte
	value  []byte // begins with its index in broker.records
	bad    bool   // of the key that fails until faults stop
	gone   bool   // compaction has taken it out of the log
	nature nature

	done     bool // handled with its outputs acknowledged, skipped, dropped where that is asked for, or a dead letter
	letters  int  // dead letters in the dead-letter topic
	expected int  // that may be there
}

// identity is what tells the record from all others; it is the begin of its value.
func (r *record) identity() []byte { return r.value[:8] }

// leaderEpoch is the leader epoch of an offset. It grows along the log, but that it begins anew now and then does not matter.
func leaderEpoch(offset int64) int32 { return 1 + int32(offset%1000/7) }

func (r *record) String() string { return fmt.Sprintf("%s@%d", r.log.partition, r.offset) }

// committed is what the group has committed of a partition.
type committed struct {
	offset      int64
	leaderEpoch int32
	metadata    string
	foreign     bool // it was meant for a topic of that name that is gone; Kafka does not know
}

const metadataLimitUsual = 4096

func newBroker(w *world) *broker {
	b := &broker{
		w: w, offsets: make(map[stream.Partition]committed), every: make(map[string]*topic), metadataLimit: metadataLimitUsual, filler: make([]byte, 1024),
	}
	if w.plan.faults.Has(MetadataLimit) {
		b.metadataLimit = 24 + w.streams[MetadataLimit].IntN(40)
	}
	b.group = newGroup(w, b)
	for i, partitions := range w.plan.topics {
		b.create(fmt.Sprintf("orders.%c", 'a'+i), partitions)
	}
	return b
}

func (b *broker) create(name string, partitions int) *topic {
	b.ids++
	t := &topic{name: name, id: fmt.Sprintf("id-%d", b.ids)}
	at := slices.IndexFunc(b.topics, func(old *topic) bool { return old.name == name })
	if at < 0 {
		b.topics = append(b.topics, t)
	} else {
		b.topics[at] = t
	}
	b.every[t.id] = t
	b.grow(t, partitions)
	return t
}

func (b *broker) grow(t *topic, partitions int) {
	for n := len(t.logs); n < partitions; n++ {
		t.logs = append(t.logs, &partitionLog{topic: t, partition: stream.Partition{Topic: t.name, Number: int32(n)}})
	}
	b.topicsChanged()
}

// remove deletes a topic, and with it what is committed of it.
func (b *broker) remove(t *topic) {
	t.gone = true
	for _, l := range t.logs {
		delete(b.offsets, l.partition)
	}
	b.topicsChanged()
}

// topicsChanged lets the group look at the topics, at once with KIP-848, when a client refreshes its metadata otherwise.
func (b *broker) topicsChanged() {
	if b.changed {
		return
	}
	b.changed = true
	wait := b.w.plan.refresh
	if b.w.plan.protocol == consumerProtocol {
		wait = b.w.plan.heartbeat
	}
	b.w.after(nil, wait, func() {
		b.changed = false
		b.group.topicsChanged()
	})
}

// topic gives the topic of that name as it is now, or nil.
func (b *broker) topic(name string) *topic {
	for _, t := range b.topics {
		if t.name == name && !t.gone {
			return t
		}
	}
	return nil
}

// log gives the log of a partition as it is now, or nil.
func (b *broker) log(p stream.Partition) *partitionLog {
	t := b.topic(p.Topic)
	if t == nil || int(p.Number) >= len(t.logs) {
		return nil
	}
	return t.logs[p.Number]
}

// committed gives what is committed of a partition.
func (b *broker) committed(p stream.Partition) committed {
	if c, ok := b.offsets[p]; ok {
		return c
	}
	return committed{offset: -1, leaderEpoch: -1}
}

// write appends a record to a log, behind a gap.
func (b *broker) write(l *partitionLog, gap int64, size int, n nature) {
	r := &record{log: l, offset: l.end + gap, nature: n}
	r.value = binary.BigEndian.AppendUint64(make([]byte, 0, 8+size), uint64(len(b.records)))
	r.value = append(r.value, b.filler[:size]...)
	r.key, r.bad = b.w.key()
	b.records = append(b.records, r)
	l.records = append(l.records, r)
	l.end = r.offset + 1
	if b.w.logs() {
		b.w.say("written %s %s", r, n)
	}
	for _, p := range b.w.processes {
		for _, each := range p.pollers {
			each.client.noticed(l.partition)
		}
	}
}

// find gives the record that a value belongs to.
func (b *broker) find(value []byte) *record { return b.records[binary.BigEndian.Uint64(value)] }

// from is the index of the first record at or above an offset.
func (l *partitionLog) from(offset int64) int {
	return sort.Search(len(l.records), func(i int) bool { return l.records[i].offset >= offset })
}

// pending gives the lowest record that is neither done nor excused, or nil.
func (l *partitionLog) pending() *record {
	for ; l.lowest < len(l.records); l.lowest++ {
		if r := l.records[l.lowest]; !r.done && r.offset >= l.floor && r.offset >= l.start {
			return r
		}
	}
	return nil
}

// position is what is found out about a partition, at different moments.
type position struct {
	partition stream.Partition
	committed committed
	topicID   string
	start     int64
	end       int64
	stored    int64 // by an offset store; -1 where there is none
	err       error
}

// commitOffset is one partition of a commit request.
type commitOffset struct {
	partition stream.Partition
	life      *life
	offset    int64
	epoch     int32
	metadata  string
}

// apply stores what a member commits. As a broker does, it asks whether the member is one, and never whether it owns the
// partition; with KIP-848 the epoch before is good enough for a partition that the member still has.
func (b *broker) apply(c *client, id, epoch int, offsets []commitOffset) []commitCode {
	codes := make([]commitCode, len(offsets))
	m := b.group.member(id)
	for i := range offsets {
		o := &offsets[i]
		codes[i] = b.group.checkCommit(m, epoch, o.partition)
		if codes[i] != commitOK {
			continue
		}
		l := b.log(o.partition)
		switch {
		case l == nil:
			codes[i] = commitUnknownTopic
		case len(o.metadata) > b.metadataLimit:
			codes[i] = commitMetadataTooLarge
		default:
			old := b.committed(o.partition)
			now := committed{offset: o.offset, leaderEpoch: o.epoch, metadata: o.metadata}
			now.foreign = b.w.oracle.committed(c, o, l, old)
			b.offsets[o.partition] = now
			if now.foreign {
				l.strange = append(l.strange, o.offset)
			}
		}
	}
	return codes
}

// commitCode is the broker's answer for one partition of a commit.
type commitCode uint8

const (
	commitOK commitCode = iota
	commitUnknownMember
	commitIllegalGeneration
	commitStaleEpoch
	commitUnknownTopic
	commitMetadataTooLarge
)

var commitErrors = [...]error{
	nil, simError("unknown member"), simError("illegal generation"), simError("stale member epoch"),
	simError("unknown topic or partition"), simError("metadata too large"),
}

// retriable: the member may hear of a newer generation or epoch and still own the partition.
func (c commitCode) retriable() bool {
	return c == commitIllegalGeneration || c == commitStaleEpoch || c == commitUnknownTopic
}

// simError is an error of the simulated world.
type simError string

func (e simError) Error() string { return string(e) }

// trim moves a log's start, as retention does.
func (b *broker) trim(l *partitionLog, start int64) {
	l.start = max(l.start, min(start, l.end))
	b.w.say("retention: %s begins at %d", l.partition, l.start)
}

// compact takes records out of a log that somebody has handled, from an index on, but not the last ones.
func (b *broker) compact(l *partitionLog, from, records int) {
	for i := from; i < min(from+records, len(l.records)-3); i++ {
		if r := l.records[i]; r.done {
			r.gone, l.thinned = true, true
			b.w.say("compaction: %s is gone", r)
		}
	}
}

// lives says whether a client's request can be answered now.
func (b *broker) lives() bool { return !b.away }

// later is how long a request that found nobody waits before it is sent again.
func (b *broker) later() time.Duration { return 100*time.Millisecond + b.w.network() }
