package actors

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
)

const (
	dumpEvery        = time.Minute // at most: what stands still soon after something else is of the same bug
	dumpStacksMax    = 192 << 10   // bytes
	dumpMailboxesMax = 200         // actors
)

// Watchdog looks at the whole processor now and then, from a goroutine of its own and without asking any actor. What its
// machine finds at fault is an event, which the log writes in one entry, and fails the health check until it is over.
type Watchdog struct {
	env *Env

	mu      sync.Mutex // guards the machine, for those who ask for the faults
	machine *core.Progress

	dumpedAt time.Time
}

// NewWatchdog makes the watchdog of a processor.
func NewWatchdog(env *Env) *Watchdog {
	return &Watchdog{env: env, machine: core.NewProgress(env.Settings.Committer.Interval)}
}

// Run looks until ctx ends.
func (w *Watchdog) Run(ctx context.Context) {
	ticker := time.NewTicker(core.ProgressLook)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.look(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// Faults are what the last look found, but for the poll loops, which [Board.Status] names itself.
func (w *Watchdog) Faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var faults []string
	for _, f := range w.machine.Faults() {
		if f.Kind != "poller" {
			faults = append(faults, f.Error())
		}
	}
	return faults
}

func (w *Watchdog) look(now time.Time) {
	look := w.env.Board.look(now)
	look.Handlers = int(w.env.Handlers.Load())
	account := w.env.Account
	look.MemoryFull = account.Limit() > 0 && account.Used() > account.Limit()/2
	w.mu.Lock()
	began, ended := w.machine.Look(now, look)
	w.mu.Unlock()
	for _, f := range ended {
		w.env.Emit(stream.ProgressResumed{
			Kind: f.Kind, Actor: f.Actor, Aspect: f.Aspect.String(), AfterMS: now.Sub(f.Since).Milliseconds(),
		})
	}
	for i, f := range began {
		event := stream.NoProgress{
			Kind: f.Kind, Actor: f.Actor, Aspect: f.Aspect.String(), Epoch: f.Partition.Epoch, Offset: -1, Reason: f.Reason,
			SinceMS: now.Sub(f.Since).Milliseconds(),
		}
		if f.Partition.Epoch != 0 {
			event.Partitions, event.Offset = []stream.Partition{f.Partition.Partition}, f.Offset
		}
		if i == 0 && (w.dumpedAt.IsZero() || now.Sub(w.dumpedAt) >= dumpEvery) {
			w.dumpedAt = now
			event.Dump = w.dump(now, began)
		}
		w.env.Emit(event)
	}
}

// dump shows what a person needs to find the bug.
func (w *Watchdog) dump(now time.Time, faults []core.Fault) string {
	var b strings.Builder
	for _, f := range faults[:min(len(faults), dumpMailboxesMax)] {
		fmt.Fprintf(&b, "%s\n", f.Error())
		if p := w.env.Board.partition(f.Partition); p != nil {
			fmt.Fprintf(&b, "%s\n", p.describe(now))
		}
	}
	fmt.Fprintf(&b, "\nslots: %d of %d taken, %d handlers run; memory: %d of %d bytes\n", w.env.Pool.Running(), w.env.Pool.Capacity(),
		w.env.Handlers.Load(), w.env.Account.Used(), w.env.Account.Limit())
	mailboxes := w.env.Board.mailboxes(now)
	fmt.Fprintf(&b, "\nmailboxes (%d):\n", len(mailboxes))
	for _, line := range mailboxes[:min(len(mailboxes), dumpMailboxesMax)] {
		fmt.Fprintf(&b, "%s\n", line)
	}
	stacks := make([]byte, dumpStacksMax)
	stacks = stacks[:runtime.Stack(stacks, true)]
	fmt.Fprintf(&b, "\ngoroutines (%d, the first %d bytes):\n%s", runtime.NumGoroutine(), len(stacks), stacks)
	return b.String()
}
