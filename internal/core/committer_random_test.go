package core

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// commitWorld is a deliberately dumb model around one committer: a broker that stores what it is told, and for every
// incarnation what its partition has reported and what the broker has acknowledged.
type commitWorld struct {
	t        *rapid.T
	c        *Committer
	now      time.Time
	out      CommitEffects
	epochs   uint64
	owned    map[stream.Partition]*commitModel
	all      []*commitModel
	flying   *messages.Commit
	releases map[uint64][]*commitModel
	released uint64
	awaits   map[uint64]stream.Partition
	awaited  uint64
}

type commitModel struct {
	messages.Incarnation
	reported int64
	acked    int64
	disowned bool
	ended    bool
}

func newCommitWorld(t *rapid.T) *commitWorld {
	return &commitWorld{
		t: t, now: epoch, c: NewCommitter(CommitterConfig{Records: 50, Interval: 5 * time.Second}),
		owned: make(map[stream.Partition]*commitModel), releases: make(map[uint64][]*commitModel),
		awaits: make(map[uint64]stream.Partition),
	}
}

func (w *commitWorld) step(m messages.ToCommitter, stale int) {
	w.out.Reset()
	w.c.Step(w.now, m, &w.out)
	if w.out.Stale != stale {
		w.t.Fatalf("%T: %d stale, want %d", m, w.out.Stale, stale)
	}
	for _, r := range w.out.Released {
		w.checkReleased(r)
	}
	for _, id := range w.out.Quiet {
		p, asked := w.awaits[id]
		if !asked || w.flies(p) {
			w.t.Fatalf("await %d of %s is answered; asked %t, on its way %t", id, p, asked, w.flies(p))
		}
		delete(w.awaits, id)
	}
	if w.out.Commit != nil {
		w.checkCommit(w.out.Commit)
	}
	if w.flying == nil && !w.out.Wake.IsZero() && w.out.Wake.Before(w.now) {
		w.t.Fatalf("wakes in the past")
	}
}

func (w *commitWorld) flies(p stream.Partition) bool {
	return w.flying != nil && slices.ContainsFunc(w.flying.Offsets, func(o messages.Watermark) bool { return o.Partition == p })
}

func (w *commitWorld) await(p stream.Partition) {
	w.awaited++
	w.awaits[w.awaited] = p
	w.step(messages.AwaitQuiet{ID: w.awaited, Partitions: []stream.Partition{p}}, 0)
}

// checkCommit holds the committer to G4.
func (w *commitWorld) checkCommit(c *messages.Commit) {
	if w.flying != nil {
		w.t.Fatalf("commit %d begins while %d is on its way", c.Seq, w.flying.Seq)
	}
	if len(c.Offsets) == 0 {
		w.t.Fatalf("commit %d of nothing", c.Seq)
	}
	for _, o := range c.Offsets {
		m := w.owned[o.Partition]
		switch {
		case m == nil || m.Incarnation != o.Incarnation || m.ended:
			w.t.Fatalf("%s is committed and not owned", o.Incarnation)
		case o.Offset > m.reported:
			w.t.Fatalf("%s is committed at %d, reported was %d", o.Incarnation, o.Offset, m.reported)
		case o.Offset < m.acked:
			w.t.Fatalf("%s is committed at %d after %d", o.Incarnation, o.Offset, m.acked)
		}
	}
	w.flying = c
}

func (w *commitWorld) checkReleased(r messages.Released) {
	models, asked := w.releases[r.ID]
	if !asked {
		w.t.Fatalf("release %d is answered and was not asked for", r.ID)
	}
	delete(w.releases, r.ID)
	for _, m := range models {
		if w.flies(m.Partition) {
			w.t.Fatalf("release %d is answered while a commit of %s is on its way", r.ID, m.Partition)
		}
		if !m.disowned && m.acked != m.reported && !slices.Contains(r.Failed, m.Partition) {
			w.t.Fatalf("release %d: %s is committed at %d of %d, and that is no failure", r.ID, m.Incarnation, m.acked, m.reported)
		}
		m.ended = true
		if w.owned[m.Partition] == m {
			delete(w.owned, m.Partition)
		}
	}
}

func (w *commitWorld) own(p stream.Partition) {
	w.epochs++
	committed := rapid.Int64Range(-1, 10).Draw(w.t, "committed")
	m := &commitModel{Incarnation: messages.Incarnation{Partition: p, Epoch: w.epochs}, reported: committed, acked: committed}
	own := messages.Own{Incarnation: m.Incarnation, Committed: committed, Start: -1}
	if committed < 0 {
		own.Start = rapid.Int64Range(0, 10).Draw(w.t, "start")
		m.reported = own.Start
	}
	w.owned[p] = m
	w.all = append(w.all, m)
	w.step(own, 0)
}

func (w *commitWorld) report(m *commitModel) messages.Watermark {
	n := rapid.Int64Range(0, 40).Draw(w.t, "records")
	return messages.Watermark{Incarnation: m.Incarnation, Offset: m.reported + n, Records: n}
}

func (w *commitWorld) watermark(m *commitModel) {
	mark := w.report(m)
	m.reported = mark.Offset
	w.step(messages.WatermarkReport{Watermark: mark}, 0)
}

// stale sends what must be of no effect: an incarnation that has ended, or an offset that goes back.
func (w *commitWorld) stale() {
	m := rapid.SampledFrom(w.all).Draw(w.t, "incarnation")
	if w.owned[m.Partition] == m {
		w.step(messages.WatermarkReport{Watermark: messages.Watermark{Incarnation: m.Incarnation, Offset: m.reported - 1, Records: 1}}, 1)
		return
	}
	w.step(messages.WatermarkReport{Watermark: messages.Watermark{Incarnation: m.Incarnation, Offset: 1 << 40, Records: 1}}, 1)
}

func (w *commitWorld) release(models []*commitModel) {
	w.released++
	r := messages.Release{ID: w.released}
	for _, m := range models {
		r.Incarnations = append(r.Incarnations, m.Incarnation)
		if rapid.Bool().Draw(w.t, "final") {
			mark := w.report(m)
			m.reported = mark.Offset
			r.Finals = append(r.Finals, mark)
		}
	}
	w.releases[r.ID] = models
	w.step(r, 0)
}

func (w *commitWorld) disown(m *commitModel) {
	m.disowned = true
	delete(w.owned, m.Partition)
	w.step(messages.Disown{Incarnations: []messages.Incarnation{m.Incarnation}}, 0)
}

func (w *commitWorld) returned(answer func() string) {
	m := messages.CommitReturned{Seq: w.flying.Seq}
	for _, o := range w.flying.Offsets {
		a := messages.CommitAnswer{Partition: o.Partition}
		switch answer() {
		case "ok":
			for _, model := range w.all {
				if model.Incarnation == o.Incarnation {
					model.acked = o.Offset
				}
			}
		case "retriable":
			a.Err, a.Retriable = errors.New("coordinator away"), true
		case "refused":
			a.Err = errors.New("not authorised")
		case "none":
			continue
		}
		m.Results = append(m.Results, a)
	}
	w.flying = nil
	w.step(m, 0)
}

// free are the incarnations that are owned and not being released.
func (w *commitWorld) free() (models []*commitModel) {
	for _, m := range w.all {
		releasing := false
		for _, r := range w.releases {
			releasing = releasing || slices.Contains(r, m)
		}
		if w.owned[m.Partition] == m && !releasing {
			models = append(models, m)
		}
	}
	return models
}

func TestCommitterAgreesWithTheDumbModelUnderAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newCommitWorld(t)
		withFree := func(f func(free []*commitModel)) func(*rapid.T) {
			return func(t *rapid.T) {
				free := w.free()
				if len(free) == 0 {
					t.Skip("nothing is owned")
				}
				f(free)
			}
		}
		one := func(f func(*commitModel)) func(*rapid.T) {
			return withFree(func(free []*commitModel) { f(rapid.SampledFrom(free).Draw(t, "incarnation")) })
		}
		t.Repeat(map[string]func(*rapid.T){
			"own": func(t *rapid.T) {
				p := stream.Partition{Topic: "orders", Number: rapid.Int32Range(0, 3).Draw(t, "partition")}
				if w.owned[p] != nil {
					t.Skip("owned")
				}
				w.own(p)
			},
			"await": func(t *rapid.T) {
				w.await(stream.Partition{Topic: "orders", Number: rapid.Int32Range(0, 3).Draw(t, "partition")})
			},
			"watermark": one(w.watermark),
			"disown":    one(w.disown),
			"release": withFree(func(free []*commitModel) {
				w.release(free[rapid.IntRange(0, len(free)-1).Draw(t, "kept"):])
			}),
			"stale": func(t *rapid.T) {
				if len(w.all) == 0 {
					t.Skip("no one was ever owned")
				}
				w.stale()
			},
			"returned": func(t *rapid.T) {
				if w.flying == nil {
					t.Skip("nothing is on its way")
				}
				w.returned(func() string {
					return rapid.SampledFrom([]string{"ok", "ok", "retriable", "refused", "none"}).Draw(t, "answer")
				})
			},
			"time": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
				w.step(messages.CommitTick{}, 0)
			},
		})
		w.settle()
	})
}

// settle lets one more commit fail, and then every one succeed: then everything owned must be committed, and every release
// answered.
func (w *commitWorld) settle() {
	last := rapid.SampledFrom([]string{"ok", "retriable", "refused", "none"}).Draw(w.t, "last answer")
	for range 1000 {
		switch {
		case w.flying != nil:
			w.returned(func() string { return last })
			last = "ok"
		case !w.out.Wake.IsZero():
			w.now = w.out.Wake
			w.step(messages.CommitTick{}, 0)
		default:
			if len(w.releases) > 0 {
				w.t.Fatalf("%d releases were never answered", len(w.releases))
			}
			if len(w.awaits) > 0 {
				w.t.Fatalf("%d awaits were never answered", len(w.awaits))
			}
			for _, m := range w.owned {
				if m.acked != m.reported {
					w.t.Fatalf("%s is committed at %d of %d, and nothing is going to happen", m.Incarnation, m.acked, m.reported)
				}
			}
			return
		}
	}
	w.t.Fatal("does not settle")
}
