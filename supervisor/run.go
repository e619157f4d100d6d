package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// eventsCloseMin is how long a stop that has used up its time still waits for the receivers of events.
const eventsCloseMin = time.Second

// Config is what a tree is built from.
type Config struct {
	Settings    actors.Settings
	Client      kafka.Client
	Build       meter.Build
	Concurrency int
	Memory      int64 // 0 is no limit
	MaxParked   int64 // likewise
	Pollers     int
	Receivers   []func(stream.EventTime)
}

// UnfinishedError says what a stop had to leave behind.
type UnfinishedError struct{ What []string }

func (e *UnfinishedError) Error() string {
	return "stopped with work unfinished: " + strings.Join(e.What, "; ")
}

// Tree is one processor. Run may be called once; the other methods may be called from any goroutine at any time.
type Tree struct {
	config   Config
	env      *actors.Env
	watchdog *actors.Watchdog
	abort    context.CancelFunc
	failed   chan error

	mu      sync.Mutex
	phase   stream.Phase
	started time.Time
	root    *actor.RootContext
}

// New prepares a tree. Nothing runs before Run.
func New(config Config) *Tree {
	t := &Tree{config: config, failed: make(chan error, 1), started: time.Now()}
	base, abort := context.WithCancel(context.Background())
	t.abort = abort
	m := meter.New(config.Build)
	t.env = &actors.Env{
		Settings: config.Settings, Client: config.Client, Meter: m,
		Account: flow.NewAccount(config.Memory), Pool: actors.NewPool(config.Concurrency), Epochs: &core.Epochs{},
		Board: actors.NewBoard(), Orphans: actors.NewOrphans(), Parking: flow.NewParking(config.MaxParked), Stop: actors.NewStop(), Loads: actors.NewLoads(),
		Dispatcher: actors.NewDispatcher(),
		Pollers:    config.Pollers, Base: base,
		Fail: func(err error) {
			select {
			case t.failed <- err:
			default: // the first error counts
			}
		},
	}
	t.env.OutputsAtOnce = t.env.Account.AtOnce(config.Concurrency)
	t.watchdog = actors.NewWatchdog(t.env)
	return t
}

// Run builds the tree and blocks until it has been taken down: because ctx ended, which is a clean stop and gives nil, or
// because it failed. It returns only when every actor has stopped, or the time for that is over.
func (t *Tree) Run(ctx context.Context) error {
	t.env.Events = actors.NewEvents(t.env.Meter, t.guardedReceivers()...)
	quiet := slog.New(slog.DiscardHandler)
	// proto.actor keeps a goroutine for its own log of dead mail during this interval; there is no such log here.
	system := actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond),
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	stopped := make(chan struct{})
	root := &processor{
		env: t.env, pollers: t.config.Pollers, running: make(map[int]*actor.PID), stopped: stopped,
		budget: retry.NewBudget(retry.Limits{Failures: float64(5 * t.config.Pollers)}),
	}
	defer t.env.Dispatcher.Close()
	t.setPhase(stream.Active)
	watching, unwatch := context.WithCancel(context.Background())
	defer unwatch()
	unwatched := make(chan struct{})
	go func() {
		defer close(unwatched)
		t.watchdog.Run(watching)
	}()
	t.mu.Lock()
	t.root = system.Root
	t.mu.Unlock()
	pid, err := system.Root.SpawnNamed(actor.PropsFromProducer(func() actor.Actor { return root }), "processor")
	if err != nil {
		return fmt.Errorf("spawn the processor: %w", err)
	}
	select {
	case <-ctx.Done():
	case err = <-t.failed:
	}
	began := time.Now()
	t.setPhase(stream.Stopping)
	unfinished := t.takeDown(system, pid, stopped)
	if t.env.Base.Err() != nil {
		unfinished = append(unfinished, "the stop was aborted, and what was in flight was given up")
	}
	t.abort()
	unwatch()
	<-unwatched
	t.setPhase(stream.Stopped)
	if err == nil {
		select {
		case err = <-t.failed:
		default:
		}
	}
	if len(unfinished) > 0 {
		err = errors.Join(err, &UnfinishedError{What: unfinished})
	}
	t.env.Meter.DrainDuration().Observe(time.Since(began).Seconds())
	t.env.Emit(ended(began, err, unfinished))
	if left := t.config.Settings.ShutdownTimeout - time.Since(began); !t.env.Events.Close(max(left, eventsCloseMin)) {
		err = errors.Join(err, &UnfinishedError{What: []string{"a receiver of events did not return in time"}})
	}
	return err
}

func ended(began time.Time, err error, unfinished []string) stream.Ended {
	e := stream.Ended{DurationMS: time.Since(began).Milliseconds(), Unfinished: unfinished}
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

// guardedReceivers are the receivers of events. A panic in one fails the processor, not the process.
func (t *Tree) guardedReceivers() []func(stream.EventTime) {
	guarded := make([]func(stream.EventTime), len(t.config.Receivers))
	for i, receive := range t.config.Receivers {
		guarded[i] = func(e stream.EventTime) {
			defer func() {
				if v := recover(); v != nil {
					t.env.Fail(fmt.Errorf("the receiver of events panicked on %q: %v", e.Event.EventName(), v))
				}
			}()
			receive(e)
		}
	}
	return guarded
}

// takeDown stops the tree from the leaves that take in to the leaves that give out: pollers (with them the partitions and
// their commits), then the producers, then the actors. It gives what did not finish before the deadline.
func (t *Tree) takeDown(system *actor.ActorSystem, pid *actor.PID, stopped <-chan struct{}) (unfinished []string) {
	deadline := time.Now().Add(t.config.Settings.ShutdownTimeout)
	tooLate := time.NewTimer(time.Until(deadline))
	defer tooLate.Stop()
	reports := make(chan actors.CloseReport, t.config.Pollers)
	answerBy := deadline.Add(-min(t.config.Settings.ShutdownTimeout/10, 500*time.Millisecond)) // else the report of what is late is late itself
	t.env.Stop.Begin(answerBy)
	system.Root.Send(pid, stopPollers{deadline: answerBy, reports: reports})
	closed := make(map[int]bool)
	for len(closed) < t.config.Pollers {
		select {
		case r := <-reports:
			closed[r.Number] = true
			unfinished = append(unfinished, r.Unfinished...)
			continue
		case <-tooLate.C:
			unfinished = append(unfinished, "not all pollers answered")
		}
		break
	}
	unfinished = append(unfinished, t.closeOutboxes(system, deadline)...)
	system.Root.Stop(pid)
	last := time.NewTimer(max(time.Until(deadline), time.Second))
	defer last.Stop()
	select {
	case <-stopped:
	case <-last.C:
		unfinished = append(unfinished, "not all actors stopped")
	}
	return unfinished
}

// closeOutboxes flushes and closes the producers.
func (t *Tree) closeOutboxes(system *actor.ActorSystem, deadline time.Time) (unfinished []string) {
	deadline = later(deadline, time.Now().Add(time.Second))
	for name, pid := range map[string]*actor.PID{"publisher": t.env.Publisher, "dead-letter": t.env.DeadLetter} {
		if pid == nil {
			continue
		}
		left := make(chan int, 1)
		system.Root.Send(pid, actors.CloseOutbox{Deadline: deadline, Reply: left})
		tooLate := time.NewTimer(time.Until(deadline) + 100*time.Millisecond)
		select {
		case n := <-left:
			if n > 0 {
				unfinished = append(unfinished, fmt.Sprintf("%s: %d messages unacknowledged", name, n))
			}
		case <-tooLate.C:
			unfinished = append(unfinished, name+": did not close in time")
		}
		tooLate.Stop()
	}
	return unfinished
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Abort cancels everything in flight, so that a stop that is under way ends at once. What is not done is not committed.
func (t *Tree) Abort() { t.abort() }

func (t *Tree) setPhase(p stream.Phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase = p
}

// Status shows the processor. It never waits for an actor.
func (t *Tree) Status() stream.Status {
	s := t.env.Board.Status(time.Now(), t.config.Pollers)
	t.mu.Lock()
	s.Phase = t.phase
	t.mu.Unlock()
	s.Name, s.Started = t.config.Settings.Name, t.started
	s.MemoryUsed, s.MemoryLimit = t.env.Account.Used(), t.env.Account.Limit()
	s.MemoryOutputs, s.MemoryDeadLetters = t.env.Account.Charged(flow.Outputs), t.env.Account.Charged(flow.DeadLetters)
	s.InFlight = t.env.Pool.Running()
	s.Faults = append(s.Faults, t.watchdog.Faults()...)
	for _, err := range t.env.Board.Check() {
		s.Faults = append(s.Faults, err.Error())
	}
	return s
}

// Metrics measures the processor.
func (t *Tree) Metrics() []stream.Metric { return t.env.Meter.Snapshot(t.Status()) }

// HeldKeys gives the keys that are held because of a dead letter, by partition.
func (t *Tree) HeldKeys() []stream.HeldKey { return t.env.Board.HeldKeys() }

// ReleaseKeys lets held keys of a partition go: those with the ids, or all where there are none. It gives an error when the
// partition is not assigned here.
func (t *Tree) ReleaseKeys(of stream.Partition, ids []uint64) error {
	t.mu.Lock()
	root := t.root
	t.mu.Unlock()
	if root == nil {
		return errors.New("the processor is not running")
	}
	return t.env.Board.ReleaseKeys(root, of, messages.ReleaseKeys{IDs: ids, All: len(ids) == 0})
}

// SetPaused pauses or resumes partitions on an operator's behalf. It gives an error when one of them is not assigned here.
func (t *Tree) SetPaused(paused bool, partitions []stream.Partition) error {
	t.mu.Lock()
	root := t.root
	t.mu.Unlock()
	if root == nil {
		return errors.New("the processor is not running")
	}
	return t.env.Board.SetPaused(root, messages.OperatorPaused{Partitions: partitions, Paused: paused})
}
