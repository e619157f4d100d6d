package core

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// orders is a deliberately dumb model of a partition whose order is by key, or none: it knows each record's state by the
// rules alone, looks at all of them again after every step, and compares.
type orders struct {
	t      *rapid.T
	config PartitionConfig
	p      *Partition
	now    time.Time
	out    PartitionEffects

	log  []stream.Record // every record there ever was
	read int             // how many of them this incarnation was given, or began behind
	ends map[int64]bool  // offsets that were done once, in whatever incarnation

	// of the present incarnation
	records   []*modelled
	byOffset  map[int64]*modelled
	lines     map[uint64][]*modelled
	lanes     map[int]*modelLane
	inherited offset.DoneSet
	start     int64
	publish   []int64
	letters   []int64 // on their way
	want      struct {
		publish, letters []int64
		handled, skipped int64
		released         int64
		replaced         int
	}
	probes     map[int64]bool // records that probe
	declined   bool           // the last probe was
	unreported int64
	reportedAt time.Time
	metadata   int   // length of what was reported last
	nearEnd    int64 // of the offsets that were so near to it that they may be begun although it is full
	broker     messages.Watermark
	paused     bool
	drain      time.Time
	circuits   bool // open, as far as the machine was told
	passed     int64
	parking    int64 // the limit of parked records that the process has set; 0 is none
}

// modelled is what the model knows of a record.
type modelled struct {
	r         stream.Record
	line      uint64
	inLine    bool
	state     stream.State // never Parked: that is computed
	tried     bool         // it has failed, and its line waits for it
	bypasses  bool         // given back as the first of its line: no limit of parked records holds it
	attempt   int32
	failures  int32
	retryAt   time.Time // zero while it waits for something else
	circuit   string
	outputs   int
	refused   bool // an output was
	writes    int32
	restingAt time.Time // when its dead letter was refused; zero while none was
	received  time.Time
}

type modelLane struct {
	seq     uint64
	records []*modelled
	first   int
	stuckAt time.Time
}

func newOrders(t *rapid.T, config PartitionConfig) *orders {
	w := &orders{t: t, config: config, now: epoch, ends: make(map[int64]bool)}
	w.broker = messages.Watermark{
		Incarnation: messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: 3}}, Offset: 100, LeaderEpoch: -1,
	}
	w.succeed()
	return w
}

// succeed begins the next incarnation with what the broker was told.
func (w *orders) succeed() {
	done, err := offset.Decode(w.broker.Metadata, w.broker.Offset, "")
	if err != nil {
		w.t.Fatal(err)
	}
	inc := w.broker.Incarnation
	inc.Epoch++
	w.records, w.byOffset, w.lines = nil, make(map[int64]*modelled), make(map[uint64][]*modelled)
	w.lanes, w.probes = make(map[int]*modelLane), make(map[int64]bool)
	w.publish, w.letters = nil, nil
	w.inherited, w.start = offset.NewDoneSet(done), w.broker.Offset
	w.unreported, w.reportedAt, w.metadata, w.drain, w.circuits = 0, time.Time{}, 0, time.Time{}, false
	w.parking = 0
	w.read = len(w.log)
	for i := range w.log {
		off := w.log[i].Offset
		if off >= w.broker.Offset {
			w.read = min(w.read, i)
		} else if !w.ends[off] {
			w.t.Fatalf("the commit %d is past %d, which is not done", w.broker.Offset, off)
		}
		if w.inherited.Contains(off) && !w.ends[off] {
			w.t.Fatalf("the metadata says that %d is done, and it is not", off)
		}
	}
	w.broker.Incarnation = inc
	w.p = NewPartition(w.now, w.config, PartitionStart{Incarnation: inc, Offset: w.broker.Offset, Done: slices.Clone(done)})
	if w.paused {
		w.step(messages.OperatorPause{Paused: true})
	}
}

// step carries a message whose consequences the model has drawn already, and compares.
func (w *orders) step(m messages.ToPartition) {
	w.endStuck()
	for id, line := range w.lines { // none of these is waited for any more
		for len(line) > 0 && left(line[0]) {
			line = line[1:]
		}
		w.lines[id] = line
	}
	w.out.Reset()
	w.p.Step(w.now, m, &w.out)
	if w.out.Fault != nil {
		w.t.Fatalf("fault: %v", w.out.Fault)
	}
	if w.out.Stale != 0 {
		w.t.Fatalf("%T was stale", m)
	}
	w.checkEnds()
	w.checkLetters()
	w.checkReport()
	w.nearEnd = w.endOfNear()
	for i := range w.out.Work {
		w.begin(&w.out.Work[i])
	}
	w.checkCircuits()
	w.checkDrained()
	if w.out.Drained != nil {
		w.succeed()
		return
	}
	w.checkLedger()
	w.checkNothingIdle()
	w.checkWake()
}

// endStuck gives up attempts that are stuck for too long.
func (w *orders) endStuck() {
	for lane, l := range w.lanes {
		if l.stuckAt.IsZero() || w.now.Before(l.stuckAt.Add(w.config.StuckAfter)) {
			continue
		}
		delete(w.lanes, lane)
		w.want.replaced++
		for _, m := range l.records[l.first:] {
			m.failures++
			w.deadLetter(m)
		}
	}
}

// before says whether a record of the same line must be waited for: one below it that has not left it. Those of the same
// work do not count when they are handled in order.
func (w *orders) before(m *modelled, work []*modelled) *modelled {
	if !m.inLine {
		return nil
	}
	for _, other := range w.lines[m.line] {
		if other.r.Offset >= m.r.Offset {
			break
		}
		if !left(other) && !slices.Contains(work, other) {
			return other
		}
	}
	return nil
}

// left says whether order does not wait for the record any more.
func left(m *modelled) bool {
	return m.state == stream.Done || m.state == stream.Publishing || m.state == stream.DeadLettering
}

// waits counts the records that wait for their next attempt, or behind one that does or is at it.
func (w *orders) waits() (retrying, parked int64) {
	for _, m := range w.records {
		if m.state == stream.Retrying {
			retrying++
		}
		if w.isParked(m) {
			parked++
		}
	}
	return retrying, parked
}

func (w *orders) isParked(m *modelled) bool {
	if m.state != stream.Queued || !m.inLine {
		return false
	}
	for _, other := range w.lines[m.line] {
		if !left(other) {
			return other != m && other.tried
		}
	}
	return false
}

func (w *orders) parkedFull() bool {
	if w.config.MaxParked == 0 && w.parking == 0 {
		return false
	}
	retrying, parked := w.waits()
	n := retrying + parked + int64(len(w.lanes))
	return w.config.MaxParked > 0 && n >= w.config.MaxParked || w.parking > 0 && n >= w.parking
}

func (w *orders) metadataFull() bool { return w.metadata >= offset.MetadataHigh }

// near says whether full metadata lets the record be begun.
func (w *orders) near(m *modelled) bool {
	return !w.metadataFull() || m == w.lowest() || m.r.Offset < w.nearEnd || w.probes[m.r.Offset]
}

// held says whether nothing may be begun.
func (w *orders) held() bool {
	publishing, letters, resting := 0, 0, 0
	for _, m := range w.records {
		if m.state == stream.Publishing {
			publishing++
		}
		if m.state == stream.DeadLettering {
			letters++
			if m.writes > 1 || !m.restingAt.IsZero() {
				resting++
			}
		}
	}
	return w.paused || !w.drain.IsZero() || len(w.lanes) >= w.config.Lanes || publishing >= publishingMax ||
		letters >= deadLetteringMax || resting > 0
}

// ripe says whether the record waits for nothing but a lane.
func (w *orders) ripe(m *modelled, work []*modelled) bool {
	switch m.state {
	case stream.Retrying:
		if m.circuit != "" {
			return w.probes[m.r.Offset]
		}
		return !m.retryAt.After(w.now)
	case stream.Queued:
		return w.before(m, work) == nil
	case stream.Running, stream.Stuck, stream.Parked, stream.Publishing, stream.Storing, stream.DeadLettering, stream.Done, stream.Abandoned:
	}
	return false
}

// lowest is the lowest record that is not done.
func (w *orders) lowest() *modelled {
	for _, m := range w.records {
		if m.state != stream.Done {
			return m
		}
	}
	return nil
}

// begin gives a work to its lane, if it may be.
func (w *orders) begin(work *messages.Work) {
	if w.held() || w.lanes[work.Lane] != nil || work.Lane >= w.config.Lanes {
		w.t.Fatalf("work %d for lane %d must not be begun", work.Seq, work.Lane)
	}
	l := &modelLane{seq: work.Seq}
	for i := range work.Records {
		if i > 0 && work.Records[i].Offset <= work.Records[i-1].Offset {
			w.t.Fatalf("%d comes after %d in one work", work.Records[i].Offset, work.Records[i-1].Offset)
		}
		l.records = append(l.records, w.byOffset[work.Records[i].Offset])
	}
	triedFirst := make([]int, 0, len(work.Records)) // their begin may make room for others in a batch
	for i := range work.Records {
		if m := l.records[i]; m != nil && m.tried {
			triedFirst = append(triedFirst, i)
		}
	}
	for i := range work.Records {
		if m := l.records[i]; m == nil || !m.tried {
			triedFirst = append(triedFirst, i)
		}
	}
	for _, i := range triedFirst {
		r, m := &work.Records[i], l.records[i]
		alongside := l.records[:i]
		if w.config.BatchRecords > 0 {
			alongside = nil // no two of one line in a batch
		}
		switch {
		case m == nil || !w.ripe(m, alongside):
			w.t.Fatalf("%d must not be begun: %+v", r.Offset, m)
		case r.Attempt != m.attempt || string(r.Key) != string(m.r.Key) || string(r.Value) != string(m.r.Value):
			w.t.Fatalf("%+v was begun, attempt %d of %+v is due", r, m.attempt, m.r)
		case !w.near(m):
			w.t.Fatalf("%d was begun while the metadata is full", r.Offset)
		case !m.tried && !m.bypasses && (!w.metadataFull() || m != w.lowest()) && (w.config.BatchRecords > 0 || i == 0) && w.parkedFull():
			w.t.Fatalf("%d was begun at the limit of parked records", r.Offset)
		case (w.probes[r.Offset] || m.tried && w.config.BatchRecords == 0) && len(work.Records) > 1:
			w.t.Fatalf("%d is tried again, and not alone", r.Offset)
		}
		m.state, m.bypasses = stream.Running, false
	}
	limit := workRecordsMax
	if w.config.BatchRecords > 0 {
		limit = w.config.BatchRecords
	}
	if n := len(l.records); n == 0 || n > limit || n > 1 && w.config.BatchRecords == 0 && !l.records[0].inLine {
		w.t.Fatalf("%d records in one work", n)
	}
	w.lanes[work.Lane] = l
}
