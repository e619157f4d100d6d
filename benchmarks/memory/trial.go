package memory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe"
)

// Limits of the phases of a trial. None of them decides whether it passes but by the phase not coming to its end.
const (
	standsFor    = 3 * time.Second // without a record more, before the intake counts as standing
	faultMin     = 10 * time.Second
	faultMinSoon = 4 * time.Second // of a short trial
	faultMax     = 2 * time.Minute
	healthyMax   = 3 * time.Minute
	drainMax     = 4 * time.Minute
	look         = 20 * time.Millisecond
)

var (
	errFails = errors.New("not now")
	errDown  = errors.New("connection refused")
	// errTooLong ends a phase, but not the trial.
	errTooLong = errors.New("it took too long")
)

// trial is a processor and what was seen of it.
type trial struct {
	Task
	processor *troupe.Processor
	fault     chan struct{} // closed when it ends
	healthy   atomic.Int64  // records of healthy partitions that were handled
	watch     *watch
	cancel    context.CancelFunc
	ended     chan struct{}
	err       error
}

// name is of the output and dead-letter topics, and of the group.
func (t Task) name(of string) string {
	return fmt.Sprintf("memory-%s-%s-%s", t.Scenario.Name, t.Client, of)
}

// try runs one trial.
func (t Task) try(ctx context.Context) (Outcome, error) {
	tr := &trial{Task: t, fault: make(chan struct{}), ended: make(chan struct{})}
	if err := tr.begin(ctx); err != nil {
		return Outcome{}, err
	}
	outcome := Outcome{Client: t.Client}
	err := tr.phases(ctx, &outcome)
	tr.cancel()
	<-tr.ended
	outcome.Peaks = tr.watch.end()
	return outcome, errors.Join(err, tr.err)
}

// begin starts the processor, with the fault.
func (t *trial) begin(ctx context.Context) error {
	s := t.Scenario
	producer := troupe.Properties{}
	if s.Fault == NoOutputs {
		if err := create(ctx, t.Bootstrap, t.name("out"), s.Topic.Partitions); err != nil {
			return err
		}
		producer["bootstrap.servers"] = t.BridgeFrom
	}
	processor, err := troupe.New(troupe.Config{
		Client:   t.Client,
		Kafka:    troupe.Properties{"bootstrap.servers": t.Bootstrap, "group.id": t.name("group"), "auto.offset.reset": "earliest"},
		Producer: producer,
		Topics:   []string{s.Topic.Name}, Handler: troupe.HandlerFunc(t.handle), Order: troupe.Order(s.Order), Memory: s.Memory,
		Concurrency: 16, // more than there are partitions: those of which no handler returns keep one each
		Timeout:     -1, // a handler that does not return is what is measured
		Retry:       troupe.RetryPolicy{MaxAttempts: -1, Initial: 2 * time.Second, Max: 2 * time.Second, MaxParked: -1},
		DeadLetter:  troupe.DeadLetterPolicy{Topic: t.name("letters"), NoCreate: true},
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	t.processor, t.watch = processor, newWatch(processor)
	running, cancel := context.WithCancel(ctx)
	t.cancel = cancel
	go func() {
		defer close(t.ended)
		t.err = processor.Run(running)
	}()
	return nil
}

// handle is the handler.
func (t *trial) handle(_ context.Context, r *troupe.Record) error {
	if r.Partition >= t.Scenario.Faulty {
		t.healthy.Add(1)
		return nil
	}
	over := false
	select {
	case <-t.fault:
		over = true
	default:
	}
	switch t.Scenario.Fault {
	case Stuck:
		<-t.fault
	case Failing:
		if !over {
			return errFails
		}
	case Down:
		if !over {
			return troupe.Unavailable(errDown, "database")
		}
	case NoOutputs:
		for range t.Scenario.Outputs {
			r.Emit(troupe.Message{Topic: t.name("out"), Key: r.Key, Value: append([]byte(nil), r.Value...)})
		}
	case NoDeadLetters:
		return troupe.Permanent(errFails)
	}
	return nil
}

// mend ends the fault.
func (t *trial) mend(ctx context.Context) error {
	close(t.fault)
	switch t.Scenario.Fault {
	case NoOutputs:
		return bridge{t.BridgeFrom, t.BridgeTo}.open(ctx)
	case NoDeadLetters:
		return create(ctx, t.Bootstrap, t.name("letters"), t.Scenario.Topic.Partitions)
	case Stuck, Failing, Down:
	}
	return nil
}

// phases leads the trial through its phases.
func (t *trial) phases(ctx context.Context, o *Outcome) error {
	least := faultMin
	if t.Short {
		least = faultMinSoon
	}
	began := time.Now()
	if want := t.Scenario.healthy(); want > 0 {
		err := t.until(ctx, healthyMax, "the healthy partitions are done", func() bool { return t.healthy.Load() >= want })
		if o.HealthyStarved = errors.Is(err, errTooLong); err != nil && !o.HealthyStarved {
			return err
		}
		o.Healthy, o.HealthyTime = t.healthy.Load(), time.Since(began)
	}
	standing, since := int64(-1), time.Now()
	err := t.until(ctx, faultMax, "the intake stands", func() bool {
		if received := t.watch.received(); received != standing {
			standing, since = received, time.Now()
		}
		return standing > 0 && time.Since(since) >= standsFor && time.Since(began) >= least
	})
	if o.NotStanding = errors.Is(err, errTooLong); err != nil && !o.NotStanding {
		return err
	}
	o.Received = standing
	o.Causes = t.watch.causes()
	o.Used, o.RSS = t.watch.now()
	if err := t.mend(ctx); err != nil {
		return err
	}
	mended := time.Now()
	err = t.until(ctx, drainMax, "everything is done", func() bool { return t.watch.committed(t.Scenario.Topic) })
	if o.NotDrained = errors.Is(err, errTooLong); err != nil && !o.NotDrained {
		return err
	}
	o.DrainTime = time.Since(mended)
	o.Left, _ = t.watch.now()
	return nil
}

// until waits, looking now and then.
func (t *trial) until(ctx context.Context, atMost time.Duration, what string, done func() bool) error {
	deadline := time.After(atMost)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-t.ended:
			return fmt.Errorf("the processor ended by itself before %s: %w", what, t.err)
		case <-deadline:
			return fmt.Errorf("%w: more than %s until %s", errTooLong, atMost, what)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
