package troupe

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/troupe-go/troupe/internal/attempt"
)

// RateLimit lets at most perSecond attempts a second begin, over everything that the returned value wraps: as one of
// Config.Middleware that is the whole process, whatever its partitions and lanes. A retry is an attempt like any other.
// Who came first goes first.
//
// burst is how many may go at once after a lull, and at the beginning; zero or less is a tenth of a second's worth, at least
// one. A perSecond of zero or less is no limit.
//
// A batch is as many attempts as it has records, and begins when all of them may: one that is larger than burst waits for the
// rest even after a lull.
//
// The wait does not count as the attempt's time: neither Config.Timeout nor a [Timeout] around it runs meanwhile, and the
// measured duration is without it. What waits holds one of the Config.Concurrency handlers, because it is next to run.
// The wait ends with the context, and also when the partition is being given away or the processor stops; the attempt then
// counts as not made. Put it outermost, so that nothing else is held while it waits.
func RateLimit(perSecond float64, burst int) Middleware {
	if math.IsNaN(perSecond) || perSecond <= 0 || math.IsInf(perSecond, 1) {
		return func(next Handler) Handler { return next }
	}
	if burst <= 0 {
		burst = int(min(max(1, perSecond/10), math.MaxInt32))
	}
	l := &rateLimit{turn: make(chan struct{}, 1), tokens: rate.NewLimiter(rate.Limit(perSecond), burst), burst: burst}
	return func(next Handler) Handler {
		return enclose(next, func(ctx context.Context, r *Record) error {
			if err := l.wait(ctx, 1); err != nil {
				return err
			}
			return next.Handle(ctx, r)
		}, func(ctx context.Context, next BatchHandler, records []*Record) error {
			if err := l.wait(ctx, len(records)); err != nil {
				return err
			}
			return next.HandleBatch(ctx, records)
		})
	}
}

// rateLimit is a bucket of tokens and a queue for it. Only the first of the queue reserves tokens: those that were reserved
// for somebody further back could not be given back when he leaves, and partitions that are taken away would leave the
// others with less than their rate.
type rateLimit struct {
	turn   chan struct{} // full while somebody is first; those who wait to send are served in order
	tokens *rate.Limiter
	burst  int
}

// reserve takes n tokens. More than the bucket holds are taken at once, too: as a debt, so that they can be given back. It
// needs the turn.
func (l *rateLimit) reserve(n int) *rate.Reservation {
	now := time.Now()
	if n > l.burst {
		l.tokens.SetBurstAt(now, n)
		defer l.tokens.SetBurstAt(now, l.burst)
	}
	return l.tokens.ReserveN(now, n)
}

// wait takes n tokens. The error is the context's own.
func (l *rateLimit) wait(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pause := clock{ctx: ctx}
	defer pause.end()
	select {
	case l.turn <- struct{}{}:
	default:
		pause.begin()
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-l.turn }()
	taken := l.reserve(n)
	delay := taken.Delay()
	if delay <= 0 {
		return nil
	}
	pause.begin()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		taken.Cancel()
		return ctx.Err()
	}
}

// clock is the clock of the attempt that ctx belongs to, if it does.
type clock struct {
	ctx    context.Context
	resume func() // nil while it runs
}

func (c *clock) begin() {
	if c.resume != nil {
		return
	}
	if running, ok := attempt.ClockOf(c.ctx); ok {
		c.resume = running.Pause()
	}
}

func (c *clock) end() {
	if c.resume != nil {
		c.resume()
	}
}
