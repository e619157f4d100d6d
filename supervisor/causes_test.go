package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// situation is one in which partition 0 should name its cause.
type situation struct {
	records int
	prepare func(b *bench)
	handle  func(release <-chan struct{}) stream.HandlerFunc // succeed, where there is none
	adjust  func(c *supervisor.Config)
	act     func(t *testing.T, b *bench, tree *supervisor.Tree) // after a second
	wait    time.Duration                                       // from then on

	cause  stream.Cause
	detail string
	since  time.Duration // after the start of the processor
	within time.Duration // of since
	oldest *stream.Oldest
	error  string
	fails  bool // the stop
}

// at makes a handler that does f for the record at an offset, and nothing for the others.
func at(offset int64, f func(ctx context.Context, release <-chan struct{}) error) func(<-chan struct{}) stream.HandlerFunc {
	return func(release <-chan struct{}) stream.HandlerFunc {
		return func(ctx context.Context, r *stream.Record) error {
			if r.Offset != offset || r.Partition != 0 {
				return nil
			}
			return f(ctx, release)
		}
	}
}

// untilReleased ignores its context.
func untilReleased(_ context.Context, release <-chan struct{}) error {
	<-release
	return nil
}

// without makes a handler that cannot do anything without a dependency.
func without(name string) func(<-chan struct{}) stream.HandlerFunc {
	return func(<-chan struct{}) stream.HandlerFunc {
		return func(context.Context, *stream.Record) error { return stream.Unavailable(errors.New("refused"), name) }
	}
}

func timeoutOff(c *supervisor.Config) { c.Settings.Timeout = 0 }

func emit(<-chan struct{}) stream.HandlerFunc { return copyToOut }

func situations() map[string]situation {
	all := handlerSituations()
	maps.Copy(all, outputSituations())
	maps.Copy(all, brokerSituations())
	return all
}

func handlerSituations() map[string]situation {
	return map[string]situation{
		"nothing to do": {cause: stream.Idle},
		"everything done": {
			records: 100, act: func(_ *testing.T, b *bench, _ *supervisor.Tree) { b.fill(2, 10) },
			wait: 10 * time.Second, cause: stream.Idle, since: time.Second,
		},
		"records that take their turns": {
			records: 10_000, handle: func(<-chan struct{}) stream.HandlerFunc {
				return func(context.Context, *stream.Record) error {
					<-time.After(70 * time.Millisecond)
					return nil
				}
			},
			wait: 10 * time.Second, cause: stream.Flowing, within: 2 * time.Second, oldest: &stream.Oldest{Offset: 157, Attempt: 1, State: stream.Running},
		},
		"a handler that takes long": {
			records: 100, handle: at(5, untilReleased), adjust: timeoutOff, wait: 30 * time.Second,
			cause: stream.HandlerSlow, oldest: &stream.Oldest{Offset: 5, Attempt: 1, State: stream.Running},
		},
		"a handler that ignores its context": {
			records: 100, handle: at(5, untilReleased), wait: time.Minute, cause: stream.HandlerStuck,
			detail: "ignores its cancelled context", since: 30500 * time.Millisecond,
			oldest: &stream.Oldest{Offset: 5, Attempt: 1, State: stream.Stuck}, error: "ignores its cancelled context",
		},
		"a record to be tried again": {
			records: 100, handle: at(5, func(context.Context, <-chan struct{}) error { return errors.New("boom") }),
			adjust: func(c *supervisor.Config) {
				c.Settings.Partition.Retry.Initial = time.Hour
				c.Settings.Partition.Retry.Max = time.Hour
			},
			wait: time.Minute, cause: stream.RetryBackoff, detail: "boom",
			oldest: &stream.Oldest{Offset: 5, Attempt: 2, State: stream.Retrying}, error: "boom",
		},
		"a dependency that is down": {
			records: 100, handle: without("db"),
			wait: time.Minute, cause: stream.DependencyDown, detail: "refused",
			oldest: &stream.Oldest{Offset: 0, Attempt: 1, State: stream.Retrying}, error: "refused",
		},
		"a registry that is down": {
			records: 100, handle: without("registry"),
			wait: time.Minute, cause: stream.RegistryUnavailable, detail: "refused",
			oldest: &stream.Oldest{Offset: 0, Attempt: 1, State: stream.Retrying}, error: "refused",
		},
		"a NewHandler that fails": {
			records: 100, adjust: func(c *supervisor.Config) {
				c.Settings.NewHandler = func(stream.Partition) (stream.Handler, error) { return nil, errors.New("no license") }
			},
			wait: time.Minute, cause: stream.DependencyDown, detail: "no license",
			oldest: &stream.Oldest{Offset: 0, Attempt: 1, State: stream.Retrying}, error: "no license",
		},
		"an operator's pause": {
			act: func(t *testing.T, b *bench, tree *supervisor.Tree) {
				require.NoError(t, tree.SetPaused(true, []stream.Partition{zero}))
				pass(time.Second)
				b.fill(2, 100)
			},
			wait: time.Minute, cause: stream.PausedByOperator, since: time.Second,
		},
	}
}

func outputSituations() map[string]situation {
	return map[string]situation{
		"outputs that are not acknowledged": {
			records: 100, prepare: func(b *bench) { b.t.Cleanup(b.broker.HoldDeliveries()) }, handle: emit, wait: time.Minute,
			cause: stream.OutputUnavailable, detail: "does not acknowledge", since: 2 * time.Second,
			oldest: &stream.Oldest{Offset: 0, Attempt: 1, State: stream.Publishing}, fails: true,
		},
		"dead letters that may not be written": {
			records: 100, prepare: func(b *bench) {
				b.broker.CreateTopic("in.dead-letter", 1)
				b.broker.Deny("in.dead-letter")
			},
			handle: at(5, func(context.Context, <-chan struct{}) error { return stream.Permanent(errors.New("no good")) }),
			wait:   time.Minute, cause: stream.DeadLetterUnavailable, detail: "not authorised",
			oldest: &stream.Oldest{Offset: 5, Attempt: 1, State: stream.DeadLettering}, error: "not authorised",
		},
		"a dead letter that is too large": {
			records: 100, prepare: func(b *bench) {
				b.broker.CreateTopic("in.dead-letter", 1)
				b.broker.LimitMessages("in.dead-letter", 10)
			},
			handle: at(5, func(context.Context, <-chan struct{}) error { return stream.Permanent(errors.New("no good")) }),
			wait:   time.Minute, cause: stream.DeadLetterTooLarge, detail: "too large",
			oldest: &stream.Oldest{Offset: 5, Attempt: 1, State: stream.DeadLettering}, error: "too large",
		},
	}
}

func brokerSituations() map[string]situation {
	return map[string]situation{
		"positions that cannot be looked up": {
			records: 100, prepare: func(b *bench) { b.broker.FailPositions(1000, errors.New("coordinator loading")) },
			wait: time.Minute, cause: stream.StartOffsetUnavailable, detail: "coordinator loading",
		},
		"positions that do not come": {
			records: 100, prepare: func(b *bench) { b.t.Cleanup(b.broker.HoldPositions()) },
			wait: time.Minute, cause: stream.StartOffsetUnavailable,
		},
		"a full budget": {
			records: 10, handle: at(5, untilReleased),
			adjust: func(c *supervisor.Config) { c.Settings.Timeout, c.Memory = 0, 1<<20 },
			act: func(_ *testing.T, b *bench, _ *supervisor.Tree) {
				<-time.After(9 * time.Second)
				b.fill(2, 20_000)
			},
			wait: 50 * time.Second, cause: stream.MemoryFull, since: 10 * time.Second, within: 2 * time.Second,
			oldest: &stream.Oldest{Offset: 5, Attempt: 1, State: stream.Running},
		},
		"commits that are refused": {
			records: 100, prepare: func(b *bench) {
				b.broker.FailCommits(1000, memory.CommitFault{Err: errors.New("coordinator away"), Retriable: true})
			},
			wait: time.Minute, cause: stream.CommitFailing, detail: "coordinator away", within: time.Second, fails: true,
		},
		"a coordinator that does not answer": {
			records: 1000, prepare: func(b *bench) { b.t.Cleanup(b.broker.HoldCommits()) },
			wait: time.Minute, cause: stream.CommitFailing, detail: "has not answered", within: time.Second, fails: true,
		},
		"brokers that are all down": {
			records: 100, act: func(_ *testing.T, b *bench, _ *supervisor.Tree) {
				<-time.After(10 * time.Second)
				b.broker.Down()
				b.t.Cleanup(b.broker.Up)
			},
			adjust: func(c *supervisor.Config) { c.Client = nil },
			wait:   40 * time.Second, cause: stream.KafkaUnreachable, since: 23 * time.Second, within: 5 * time.Second, fails: true,
		},
		"a position that is outside the log": {
			prepare: func(b *bench) {
				b.fill(2, 400)
				b.commit(zero, 50)
				b.broker.Trim(zero, 150)
			},
			adjust: func(c *supervisor.Config) { c.Settings.Start.OutOfRange = 2 },
			wait:   time.Minute, cause: stream.OffsetOutOfRange, detail: "position 50 is outside the log (150 to 200)",
		},
	}
}

func TestEveryCauseIsNamedInItsSituationAndIsNoFault(t *testing.T) {
	t.Parallel()
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { s.play(t) })
		})
	}
}

func (s situation) play(t *testing.T) {
	b := setup(t, 2)
	if s.prepare != nil {
		s.prepare(b)
	}
	b.fill(2, 2*s.records)
	release, handle := make(chan struct{}), stream.HandlerFunc(succeed)
	if s.handle != nil {
		handle = s.handle(release)
	}
	tree := b.tree(handle, func(c *supervisor.Config) {
		if s.adjust != nil {
			s.adjust(c)
		}
		if c.Client == nil {
			c.Client = b.broker.Client("group", map[string]string{"session.timeout.ms": "3600000"})
		}
	})
	began := time.Now()
	stop := running(tree)
	pass(time.Second)
	if s.act != nil {
		s.act(t, b, tree)
	}
	pass(s.wait)
	s.check(t, began, tree.Status())
	pass(3 * time.Minute)
	require.Equal(t, s.cause, tree.Status().Partitions[0].Cause, "it stays")
	require.Empty(t, tree.Status().Faults)
	require.Empty(t, eventsOf[stream.NoProgress](b))
	close(release)
	tree.Abort()
	_ = stop() // what it had to give up is not the matter here
}

func (s situation) check(t *testing.T, began time.Time, status stream.Status) {
	p := status.Partitions[0]
	require.Equal(t, s.cause, p.Cause, p.Detail)
	require.Contains(t, p.Detail, s.detail)
	require.InDelta(t, s.since.Seconds(), p.Since.Sub(began).Seconds(), max(s.within, time.Second/2).Seconds(), "since")
	if s.oldest == nil {
		return
	}
	require.NotNil(t, p.Oldest)
	require.Equal(t, s.oldest.Attempt, p.Oldest.Attempt)
	require.Equal(t, s.oldest.State, p.Oldest.State)
	require.InDelta(t, s.oldest.Offset, p.Oldest.Offset, float64(s.oldest.Offset)/10, "oldest")
	require.InDelta(t, 0, p.Oldest.Since.Sub(began).Seconds(), 1, fmt.Sprint("received at ", p.Oldest.Since))
	require.Contains(t, p.Oldest.LastError, s.error)
}
