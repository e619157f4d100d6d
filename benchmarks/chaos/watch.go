package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// watchInterval is how often every member is looked at, watchTimeout how long it may take to answer.
	watchInterval = 500 * time.Millisecond
	watchTimeout  = 5 * time.Second
	// silence is how long a member that runs may leave all questions without an answer.
	silence = 20 * time.Second
	// standing is when a partition with work before it counts as standing still, unnamed how long it may do so with a cause
	// that names none.
	standing = 2 * time.Second
	unnamed  = 10 * time.Second
)

// watcher looks at the members' admin endpoints during a trial.
type watcher struct {
	fleet *fleet
	ends  func(context.Context) (map[int32]int64, error) // of the input

	mu       sync.Mutex
	known    map[int32]int64
	places   map[place]*position
	answered map[*member]time.Time
	findings watched
}

// watched is what a watcher saw.
type watched struct {
	// Looks is how often a member was looked at.
	Looks int64 `json:"looks"`
	// Causes are those of partitions that stood still with work before them, with the seconds for which they were seen.
	Causes map[string]float64 `json:"causes"`
	// HealthFailures are the answers of /healthz that were not OK.
	HealthFailures []string `json:"health_failures,omitempty"`
	// Unnamed are the partitions that stood still too long without a cause, LongestUnnamedS the longest such time.
	Unnamed         []string `json:"unnamed,omitempty"`
	LongestUnnamedS float64  `json:"longest_unnamed_s"`
}

type place struct {
	member    *member
	partition int32
	epoch     uint64
}

// position is how far a partition has come, since when, and since when it names no cause for standing there.
type position struct {
	watermark   int64
	since       time.Time
	lookedAt    time.Time
	unnamedFrom time.Time
	told        bool
}

// partitionAnswer is what /api/v1/partitions says of one.
type partitionAnswer struct {
	Topic     string           `json:"topic"`
	Partition int32            `json:"partition"`
	Epoch     uint64           `json:"epoch"`
	Cause     string           `json:"cause"`
	Watermark *int64           `json:"watermark"`
	Received  int64            `json:"received"`
	Ledger    map[string]int64 `json:"ledger"`
}

func newWatcher(f *fleet, ends func(context.Context) (map[int32]int64, error)) *watcher {
	return &watcher{
		fleet: f, ends: ends, known: make(map[int32]int64), places: make(map[place]*position),
		answered: make(map[*member]time.Time), findings: watched{Causes: make(map[string]float64)},
	}
}

// run watches until ctx ends, and gives what it saw.
func (w *watcher) run(ctx context.Context) watched {
	var looks sync.WaitGroup
	looks.Go(func() {
		for pause(ctx, watchInterval) == nil {
			bounded, cancel := context.WithTimeout(ctx, watchTimeout)
			ends, err := w.ends(bounded)
			cancel()
			if err == nil { // else the brokers are away, and the input does not grow
				w.mu.Lock()
				w.known = ends
				w.mu.Unlock()
			}
		}
	})
	for pause(ctx, watchInterval) == nil {
		var all sync.WaitGroup
		for _, m := range w.fleet.members() {
			if m.running() && !m.frozen.Load() && !m.leaving.Load() {
				all.Go(func() { w.look(ctx, m) })
			}
		}
		all.Wait()
	}
	looks.Wait()
	return w.findings
}

// look asks one member.
func (w *watcher) look(ctx context.Context, m *member) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	status, body, err := m.get(ctx, "/healthz")
	if errors.Is(err, errNoAddress) || m.leaving.Load() || m.frozen.Load() || !m.running() {
		return
	}
	if err != nil {
		w.unanswered(m, err)
		return
	}
	_, text, err := m.get(ctx, "/api/v1/partitions")
	var answer struct{ Partitions []partitionAnswer }
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		w.unanswered(m, err)
		return
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.findings.Looks++
	w.answered[m] = now
	if status != http.StatusOK {
		w.findings.HealthFailures = append(w.findings.HealthFailures,
			fmt.Sprintf("%s at %s: %d %s", m.name, now.Format(time.TimeOnly), status, body))
	}
	for _, p := range answer.Partitions {
		w.place(m, p, now)
	}
}

// unanswered counts a member without an answer as unhealthy when that lasts.
func (w *watcher) unanswered(m *member, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, any := w.answered[m]
	if !any {
		last = m.started
	}
	last = later(last, time.UnixMilli(m.thawedAt.Load()))
	if m.running() && !m.leaving.Load() && !m.frozen.Load() && time.Since(last) > silence {
		w.findings.HealthFailures = append(w.findings.HealthFailures, fmt.Sprintf("%s does not answer since %s: %v", m.name,
			last.Format(time.TimeOnly), err))
		w.answered[m] = time.Now()
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// place takes down where a partition stands.
func (w *watcher) place(m *member, p partitionAnswer, now time.Time) {
	at := place{m, p.Partition, p.Epoch}
	watermark := int64(-1)
	if p.Watermark != nil {
		watermark = *p.Watermark
	}
	before := w.places[at]
	unfinished := p.Received - p.Ledger["done"] - p.Ledger["abandoned"]
	working := unfinished > 0 || watermark < w.known[p.Partition]
	thawed := time.UnixMilli(m.thawedAt.Load())
	if before == nil || before.watermark != watermark || !working || before.lookedAt.Before(thawed) {
		w.places[at] = &position{watermark: watermark, since: now, lookedAt: now}
		return
	}
	seconds := now.Sub(before.lookedAt).Seconds()
	before.lookedAt = now
	if now.Sub(before.since) < standing {
		return
	}
	w.findings.Causes[p.Cause] += seconds
	if p.Cause != "flowing" && p.Cause != "idle" {
		before.unnamedFrom = time.Time{}
		return
	}
	if before.unnamedFrom.IsZero() {
		before.unnamedFrom = now
	}
	lasting := now.Sub(later(before.unnamedFrom, before.since))
	w.findings.LongestUnnamedS = max(w.findings.LongestUnnamedS, lasting.Seconds())
	if lasting > unnamed && !before.told {
		before.told = true
		w.findings.Unnamed = append(w.findings.Unnamed, fmt.Sprintf("%s at %s: partition %d stands at %d (end %d, %d unfinished) since %s as %s",
			m.name, now.Format(time.TimeOnly), p.Partition, watermark, w.known[p.Partition], unfinished,
			before.since.Format(time.TimeOnly), p.Cause))
	}
}
