package core

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

func (w *orders) checkEnds() {
	o, want := &w.out, &w.want
	if o.Handled != want.handled || o.Skipped != want.skipped || o.Released != want.released {
		w.t.Fatalf("handled %d, skipped %d, released %d; want %d, %d, %d", o.Handled, o.Skipped, o.Released, want.handled, want.skipped, want.released)
	}
	if len(o.ReplaceLanes) != want.replaced {
		w.t.Fatalf("%d lanes replaced, want %d", len(o.ReplaceLanes), want.replaced)
	}
	got := []int64{}
	for _, p := range o.Publish {
		got = append(got, p.Offset)
	}
	if !slices.Equal(got, append([]int64{}, want.publish...)) {
		w.t.Fatalf("published %v, want %v", got, want.publish)
	}
	w.publish = append(w.publish, got...)
	want.publish, want.handled, want.skipped, want.released, want.replaced = nil, 0, 0, 0, 0
}

// checkLetters wants each dead letter once, and those that were refused again when their backoff is over.
func (w *orders) checkLetters() {
	for _, l := range w.out.DeadLetters {
		off := l.Record.Offset
		m := w.byOffset[off]
		if at := slices.Index(w.want.letters, off); at >= 0 {
			w.want.letters = slices.Delete(w.want.letters, at, at+1)
		} else if m == nil || m.restingAt.IsZero() || !w.drain.IsZero() || w.now.Before(m.restingAt.Add(time.Duration(0.8*float64(letterBackoff(m))))) {
			w.t.Fatalf("dead letter %d for no reason", off)
		}
		if l.Attempts != m.failures {
			w.t.Fatalf("dead letter %d after %d attempts, want %d", off, l.Attempts, m.failures)
		}
		m.restingAt = time.Time{}
		m.writes++
		w.letters = append(w.letters, off)
	}
	if len(w.want.letters) > 0 {
		w.t.Fatalf("no dead letters %v", w.want.letters)
	}
}

func letterBackoff(m *modelled) time.Duration {
	return min(time.Second<<(m.writes-1), 30*time.Second)
}

// checkReport wants a report when it is due, and the truth in it.
func (w *orders) checkReport() {
	got := w.out.Watermark
	pending := 0
	for _, m := range w.records {
		if m.state != stream.Done {
			pending++
		}
	}
	due := w.unreported > 0 && (pending == 0 || !w.drain.IsZero() || w.metadataFull() ||
		8*w.unreported >= int64(offset.MetadataLimit-w.metadata) || !w.now.Before(w.reportedAt.Add(reportEvery)))
	if due != (got != nil) {
		w.t.Fatalf("report %v, want one: %t", got, due)
	}
	if got == nil {
		return
	}
	mark, leaderEpoch := w.start, int32(-1)
	for _, m := range w.records {
		if m.state != stream.Done {
			break
		}
		mark, leaderEpoch = m.r.Offset+1, m.r.LeaderEpoch
	}
	if pending == 0 {
		for _, r := range w.inherited.Runs() {
			if r.First <= mark && mark <= r.Last {
				mark, leaderEpoch = r.Last+1, -1
			}
		}
	}
	if got.Offset != mark || got.LeaderEpoch != leaderEpoch || got.Records != w.unreported {
		w.t.Fatalf("reported %+v, want %d (leader epoch %d), %d records", got, mark, leaderEpoch, w.unreported)
	}
	w.checkMetadata(got)
	w.unreported, w.reportedAt, w.metadata, w.broker = 0, w.now, len(got.Metadata), *got
}

// endOfNear is how far records may begin while the metadata is full: as many offsets as bytes are left, and four fewer for
// each record that has begun beyond or waits for the broker. The model counts them anew for each end.
func (w *orders) endOfNear() int64 {
	mark := w.start
	for _, m := range w.records {
		if m.state != stream.Done {
			break
		}
		mark = m.r.Offset + 1
	}
	most := int64(offset.MetadataLimit-w.metadata)*3/4 - 4
	begun := []int64{}
	for _, m := range w.records {
		switch m.state {
		case stream.Running, stream.Stuck:
			begun = append(begun, m.r.Offset)
		case stream.Publishing, stream.DeadLettering:
			most -= 4
		case stream.Queued, stream.Retrying, stream.Parked, stream.Storing, stream.Done, stream.Abandoned:
		}
	}
	near := most
	for range 4 {
		less := most
		for _, off := range begun {
			if off >= mark+near {
				less -= 4
			}
		}
		if less == near {
			return mark + near
		}
		near = less
	}
	return mark + most - 4*int64(len(begun))
}

// checkMetadata wants what is done beyond the watermark in the metadata, and nothing else; the lowest of it when there is
// too much.
func (w *orders) checkMetadata(got *messages.Watermark) {
	runs, err := offset.Decode(got.Metadata, got.Offset, "")
	if err != nil {
		w.t.Fatal(err)
	}
	full := len(got.Metadata) > offset.MetadataLimit-20
	set := offset.NewDoneSet(runs)
	for i := range w.log {
		off := w.log[i].Offset
		if off < got.Offset {
			continue
		}
		done := w.inherited.Contains(off)
		if m := w.byOffset[off]; m != nil {
			done = m.state == stream.Done
		}
		said := set.Contains(off)
		if said && !done || done && !said && !full {
			w.t.Fatalf("the metadata says that %d is done: %t, want %t", off, said, done)
		}
	}
}

// checkCircuits wants to hear of every probe that has ended, and of every record that a dependency has refused.
func (w *orders) checkCircuits() {
	w.declined = false
	passed := int64(0)
	for _, c := range w.out.Circuits {
		switch c := c.(type) {
		case messages.DependencyRefused:
			if m := w.byOffset[c.Offset]; m.circuit != c.Name || m.state != stream.Retrying {
				w.t.Fatalf("%d was not refused by %s", c.Offset, c.Name)
			}
			delete(w.probes, c.Offset)
		case messages.ProbePassed:
			w.endProbe(c.Offset)
		case messages.Withdrawn:
			w.endProbe(c.Offset)
		case messages.ProbeDeclined:
			w.endProbe(c.Offset)
			w.declined = true
		case messages.RecordsPassed:
			passed += c.Count
		case messages.IncarnationEnded, messages.CircuitTick, messages.AttemptsCounted, messages.Enlisted:
		}
	}
	if passed != w.passed && w.circuits {
		w.t.Fatalf("%d records passed, want %d", passed, w.passed)
	}
	w.passed = 0
	for off := range w.probes {
		if m := w.byOffset[off]; m.state != stream.Running && m.state != stream.Queued {
			w.t.Fatalf("the circuit waits for the probe %d, which is %s", off, m.state)
		}
	}
}

func (w *orders) endProbe(off int64) {
	if !w.probes[off] && w.byOffset[off].circuit != "" {
		w.t.Fatalf("%d was no probe", off)
	}
	delete(w.probes, off)
}

// checkDrained wants the end when nothing is under way, or when time is up.
func (w *orders) checkDrained() {
	underWay := int64(0)
	open := int64(0)
	for _, m := range w.records {
		if m.state != stream.Done {
			open++
		}
		switch {
		case m.state == stream.Running, m.state == stream.Stuck, m.state == stream.Publishing:
			underWay++
		case m.state == stream.DeadLettering && m.restingAt.IsZero():
			underWay++
		}
	}
	due := !w.drain.IsZero() && (underWay == 0 || !w.now.Before(w.drain))
	got := w.out.Drained
	if due != (got != nil) {
		w.t.Fatalf("drained: %v, want %t", got, due)
	}
	if got == nil {
		return
	}
	want := w.broker
	if w.reportedAt.IsZero() {
		want.Metadata = "" // it leaves the commit as it found it
	}
	if got.InFlight != underWay || got.Abandoned != open || got.Watermark.Offset != want.Offset || got.Watermark.Metadata != want.Metadata {
		w.t.Fatalf("drained %+v, want %+v, %d under way, %d open", got, want, underWay, open)
	}
	if w.out.CancelWork != (len(w.lanes) > 0) {
		w.t.Fatalf("cancel %t with %d lanes", w.out.CancelWork, len(w.lanes))
	}
}

// checkLedger compares the states of all records.
func (w *orders) checkLedger() {
	if err := w.p.Check(); err != nil {
		w.t.Fatal(err)
	}
	var want stream.Ledger
	for _, m := range w.records {
		want.Received++
		state := m.state
		if w.isParked(m) {
			state = stream.Parked
		}
		want.States[state]++
	}
	if got := w.p.Ledger(); got != want {
		w.t.Fatalf("ledger %v, want %v", got, want)
	}
	w.checkLowestBegun()
}

// checkLowestBegun wants the lowest record that a handler has, or had; the lowest of all where there is none.
func (w *orders) checkLowestBegun() {
	lowest := w.lowest()
	if lowest == nil {
		return
	}
	want := lowest.r.Offset
	for _, m := range w.records {
		if m.state == stream.Running || m.state == stream.Retrying || m.state == stream.Stuck {
			want = m.r.Offset
			break
		}
	}
	if got := w.p.entries[w.p.lowestBegun()].offset; got != want {
		w.t.Fatalf("the lowest record that has begun is %d, want %d", got, want)
	}
}

// idle gives the records that wait for nothing but a lane, while there is one.
func (w *orders) idle() (list []*modelled) {
	if w.held() {
		return nil
	}
	full, lowest := w.parkedFull(), w.lowest()
	for _, m := range w.records {
		switch {
		case !w.ripe(m, nil), !w.near(m), full && !m.tried && (w.metadataFull() && m != lowest || !w.metadataFull() && !m.bypasses):
		default:
			list = append(list, m)
		}
	}
	return list
}

// checkNothingIdle wants every lane busy that can be. Only a batch may wait for more.
func (w *orders) checkNothingIdle() {
	for _, m := range w.idle() {
		if w.config.BatchRecords == 0 || m.state == stream.Retrying && m.circuit != "" {
			w.t.Fatalf("%d is not begun: %+v", m.r.Offset, m)
		}
	}
}

// checkWake wants to be woken when something becomes due.
func (w *orders) checkWake() {
	var at time.Time
	due := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if w.unreported > 0 {
		due(w.reportedAt.Add(20 * time.Millisecond))
	}
	if !w.drain.IsZero() {
		due(w.drain)
	}
	for _, l := range w.lanes {
		if !l.stuckAt.IsZero() {
			due(l.stuckAt.Add(w.config.StuckAfter))
		}
	}
	for _, m := range w.records {
		if m.state == stream.Retrying && m.circuit == "" && m.retryAt.After(w.now) {
			due(m.retryAt)
		}
		if !m.restingAt.IsZero() && w.drain.IsZero() {
			due(m.restingAt.Add(time.Duration(1.2 * float64(letterBackoff(m)))))
		}
	}
	var latest time.Time
	for _, m := range w.idle() { // those that a batch may wait for
		if m.received.After(latest) {
			latest = m.received
		}
	}
	if !latest.IsZero() {
		due(latest.Add(w.config.BatchWait))
	}
	if at.IsZero() {
		return
	}
	if got := w.out.Wake; !got.After(w.now) || got.After(at) {
		w.t.Fatalf("woken at %v, now is %v, due is %v", got, w.now, at)
	}
}
