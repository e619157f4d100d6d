package troupe

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
)

// middlewareTest is a processor on a broker in memory, in virtual time.
type middlewareTest struct {
	t       *testing.T
	broker  *memory.Broker
	started time.Time
	of      *Processor // that runs

	mu     sync.Mutex
	begun  []time.Duration // the attempts that reached the handler
	events []Event
}

// setupMiddleware makes a broker with so many records in two partitions.
func setupMiddleware(t *testing.T, records int) *middlewareTest {
	t.Helper()
	m := &middlewareTest{t: t, broker: memory.NewBroker(memory.Options{}), started: time.Now()}
	m.broker.CreateTopic("in", 2)
	for i := range records {
		m.broker.Append(Message{Topic: "in", Key: []byte(strconv.Itoa(i))}.OnPartition(int32(i % 2)))
	}
	return m
}

// run starts a processor; stop ends it and gives Run's error.
func (m *middlewareTest) run(config Config, handle HandlerFunc) (stop func() error) {
	m.t.Helper()
	config.Handler = HandlerFunc(func(ctx context.Context, r *Record) error {
		m.mu.Lock()
		m.begun = append(m.begun, time.Since(m.started))
		m.mu.Unlock()
		return handle(ctx, r)
	})
	return m.start(config)
}

// start starts a processor of what a configuration says of handlers.
func (m *middlewareTest) start(config Config) (stop func() error) {
	m.t.Helper()
	config.Name, config.Topics, config.Logger = "test", []string{"in"}, slog.New(slog.DiscardHandler)
	config.OnEvent = func(e EventTime) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.events = append(m.events, e.Event)
	}
	config = config.withDefaults()
	require.Empty(m.t, config.validate())
	m.of = newProcessor(config, m.broker.Client("group", nil))
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- m.of.Run(ctx) }()
	return func() error {
		cancel()
		err := <-result
		<-time.After(time.Second)
		synctest.Wait()
		return err
	}
}

// committed is how many records of both partitions are committed as done.
func (m *middlewareTest) committed() (records int64) {
	for number := range int32(2) {
		offset, _ := m.broker.Committed("group", Partition{Topic: "in", Number: number})
		records += max(offset, 0)
	}
	return records
}

// attempts are when the handler was called.
func (m *middlewareTest) attempts() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.begun
}

func count[E Event](m *middlewareTest) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if _, is := e.(E); is {
			n++
		}
	}
	return n
}

func TestRateLimitHoldsOverAllPartitionsAndLanes(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{OrderPartition, OrderKey, OrderUnordered} {
		t.Run(string(order), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const perSecond, burst, records = 10, 5, 200
				m := setupMiddleware(t, records)
				stop := m.run(Config{
					Order: order, Concurrency: 8, Middleware: []Middleware{RateLimit(perSecond, burst)},
				}, func(context.Context, *Record) error {
					<-time.After(50 * time.Millisecond)
					return nil
				})
				<-time.After(30 * time.Second)
				require.NoError(t, stop())
				times := m.attempts()
				require.Len(t, times, records)
				first := times[0]
				for i, at := range times {
					earliest := first + time.Duration(max(0, i+1-burst))*time.Second/perSecond
					require.GreaterOrEqual(t, at, earliest, "attempt %d", i)
					require.LessOrEqual(t, at, earliest+100*time.Millisecond, "attempt %d: the limit is used", i)
				}
				require.EqualValues(t, records, m.committed())
			})
		})
	}
}

// Sixty-four lanes wait up to a minute each for their token, with two seconds for an attempt.
func TestWaitingForTheRateLimitIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{OrderPartition, OrderKey, OrderUnordered} {
		t.Run(string(order), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const records = 200
				m := setupMiddleware(t, records)
				stop := m.run(Config{
					Order: order, Concurrency: 64, Timeout: 2 * time.Second,
					Middleware: []Middleware{RateLimit(1, 1), Timeout(time.Second)},
				}, func(ctx context.Context, r *Record) error {
					require.EqualValues(t, 1, r.Attempt)
					due, ok := ctx.Deadline()
					require.True(t, ok)
					require.Equal(t, time.Second, time.Until(due), "the handler has all of its time")
					<-time.After(900 * time.Millisecond)
					return ctx.Err()
				})
				<-time.After((records + 10) * time.Second)
				require.NoError(t, stop())
				require.Len(t, m.attempts(), records)
				require.EqualValues(t, records, m.committed())
				require.Empty(t, m.broker.Records("in.dead-letter"))
				require.Zero(t, count[stream.Retried](m))
				require.Zero(t, count[stream.NoProgress](m))
				require.Zero(t, count[stream.HandlerStuckFor](m))
			})
		})
	}
}

// An attempt that is too slow by itself still times out behind its wait.
func TestTheAttemptsTimeRunsBehindTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := setupMiddleware(t, 2)
		stop := m.run(Config{
			Timeout: 2 * time.Second, Retry: RetryPolicy{MaxAttempts: 1}, Middleware: []Middleware{RateLimit(0.1, 1)},
		}, func(ctx context.Context, _ *Record) error {
			<-ctx.Done()
			return ctx.Err()
		})
		<-time.After(30 * time.Second)
		require.NoError(t, stop())
		letters := m.broker.Records("in.dead-letter")
		require.Len(t, letters, 2)
		require.Contains(t, string(letters[1].Value), `"error_type":"timeout"`)
		require.Contains(t, string(letters[1].Value), "longer than 2s")
	})
}

// What waits has not begun: a stop gives it back instead of waiting for its turn.
func TestStopDoesNotWaitForTheRateLimit(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{OrderPartition, OrderKey, OrderUnordered} {
		t.Run(string(order), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := setupMiddleware(t, 200)
				stop := m.run(Config{
					Order: order, Concurrency: 64, Middleware: []Middleware{RateLimit(0.1, 3)},
				}, func(context.Context, *Record) error { return nil })
				<-time.After(20 * time.Second)
				began := time.Now()
				require.NoError(t, stop())
				require.Less(t, time.Since(began), 3*time.Second)
				require.EqualValues(t, len(m.attempts()), m.committed(), "what was handled, and nothing else")
				require.Less(t, len(m.attempts()), 10)
				require.Empty(t, m.broker.Records("in.dead-letter"))
				require.Zero(t, count[stream.Retried](m))
			})
		})
	}
}

// verdicts counts the lines of Logging by their verdict.
type verdicts struct {
	slog.Handler
	mu    sync.Mutex
	count map[string]uint64
}

func (v *verdicts) Enabled(context.Context, slog.Level) bool { return true }

func (v *verdicts) Handle(_ context.Context, line slog.Record) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	line.Attrs(func(a slog.Attr) bool {
		if a.Key == "verdict" {
			v.count[a.Value.String()]++
		}
		return true
	})
	return nil
}

// The words of Logging are those that the processor itself finds for the same attempts.
func TestLoggingAndTheProcessorAgreeOnVerdicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recovered := &PanicError{Value: "boom"}
		outcomes := map[string]error{
			"0": nil, "1": errors.New("failed"), "2": Permanent(errors.New("bad")), "3": Skip("old"),
			"4": RetryAfter(errors.New("later"), time.Second), "5": Unavailable(errors.New("gone"), "db"),
			"6": recovered, "7": Permanent(recovered), "8": RetryAfter(recovered, time.Second),
			"9": Unavailable(recovered, "db"), "10": RetryAfter(Permanent(errors.New("bad")), time.Second),
		}
		var handled sync.Map
		lines := &verdicts{count: make(map[string]uint64)}
		m := setupMiddleware(t, 15)
		stop := m.run(Config{
			Timeout: 5 * time.Second, Middleware: []Middleware{Logging(slog.New(lines))},
		}, func(ctx context.Context, r *Record) error {
			key := string(r.Key)
			_, again := handled.LoadOrStore(key, true) // not the attempt: a dependency that is down uses up none
			switch {
			case again:
				return nil
			case key == "11":
				panic("boom")
			case key == "12":
				runtime.Goexit()
			case key == "13":
				<-ctx.Done()
				return ctx.Err()
			case key == "14":
				<-ctx.Done()
				return RetryAfter(ctx.Err(), time.Second)
			}
			return outcomes[key]
		})
		<-time.After(10 * time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 15, m.committed())
		measured := make(map[string]uint64)
		for _, metric := range m.of.Metrics() {
			if metric.Name != "process_duration_seconds" {
				continue
			}
			for _, v := range metric.Values {
				if v.Count > 0 {
					measured[v.LabelValues[0]] = v.Count
				}
			}
		}
		require.Len(t, measured, 8)
		require.Equal(t, measured, lines.count)
	})
}

// instance is a handler of a lane's own whose first record panics.
type instance struct {
	m      *middlewareTest
	number int
}

func (i *instance) Handle(_ context.Context, r *Record) error {
	if r.Attempt == 1 {
		panic("boom")
	}
	return nil
}

func TestRecoverKeepsTheInstanceAndTheStack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		middleware []Middleware
		instances  int
		letters    int
	}{
		"without": {nil, 2, 0},
		"with":    {[]Middleware{Recover()}, 1, 0},
		"with a verdict around it": {[]Middleware{func(next Handler) Handler {
			return HandlerFunc(func(ctx context.Context, r *Record) error {
				err := next.Handle(ctx, r)
				var panicked *PanicError
				if errors.As(err, &panicked) {
					return Permanent(err)
				}
				return err
			})
		}, Recover()}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := setupMiddleware(t, 1)
				made := 0
				config := Config{
					Name: "test", Topics: []string{"in"}, Logger: slog.New(slog.DiscardHandler), Middleware: c.middleware,
					NewHandler: func(Partition) (Handler, error) {
						made++
						return &instance{m: m, number: made}, nil
					},
				}.withDefaults()
				ctx, cancel := context.WithCancel(context.Background())
				result := make(chan error, 1)
				p := newProcessor(config, m.broker.Client("group", nil))
				go func() { result <- p.Run(ctx) }()
				<-time.After(20 * time.Second)
				cancel()
				require.NoError(t, <-result)
				<-time.After(time.Second)
				require.Equal(t, c.instances, made)
				letters := m.broker.Records("in.dead-letter")
				require.Len(t, letters, c.letters)
				for _, letter := range letters {
					require.Contains(t, string(letter.Value), `"error_type":"panic"`)
					require.Contains(t, string(letter.Value), "instance).Handle", "the stack")
				}
			})
		})
	}
}
