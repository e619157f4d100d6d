package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// committer is the shell that commits for one consumer. The call blocks and cannot be cancelled, so it runs on a goroutine
// of its own, one at a time.
type committer struct {
	guard
	env      *Env
	number   int
	consumer kafka.Consumer
	ctx      context.Context

	mu      sync.Mutex // held while the machine steps, for those who read its status
	machine *core.Committer

	effects core.CommitEffects
	replies map[uint64]chan<- messages.Released
	quiet   map[uint64]chan<- struct{}
	timer   *time.Timer
	awaits  uint64
}

// quietRequest is an AwaitQuiet with the place to answer at, which has room.
type quietRequest struct {
	partitions []stream.Partition
	reply      chan<- struct{}
}

// releaseRequest is a Release with the place to answer at, because the poller waits.
type releaseRequest struct {
	messages.Release
	reply chan<- messages.Released
}

func newCommitter(ctx context.Context, g guard, env *Env, number int, consumer kafka.Consumer) *committer {
	return &committer{
		guard: g, env: env, number: number, consumer: consumer, ctx: ctx,
		machine: core.NewCommitter(env.Settings.Committer), replies: make(map[uint64]chan<- messages.Released), quiet: make(map[uint64]chan<- struct{}),
	}
}

// Receive handles one message.
func (c *committer) Receive(ctx actor.Context) {
	if failure := c.run(ctx, c.receive); failure != nil {
		c.env.Fail(fmt.Errorf("committer-%d: %w\n%s", c.number, failure, failure.stack))
	}
}

func (c *committer) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case releaseRequest:
		c.replies[m.ID] = m.reply
		c.step(ctx, m.Release)
	case quietRequest:
		c.awaits++
		c.quiet[c.awaits] = m.reply
		c.step(ctx, messages.AwaitQuiet{ID: c.awaits, Partitions: m.partitions})
	case messages.ToCommitter:
		c.step(ctx, m)
	case *actor.Stopping:
		if c.timer != nil {
			c.timer.Stop()
		}
	}
}

func (c *committer) step(ctx actor.Context, m messages.ToCommitter) {
	now := time.Now()
	out := &c.effects
	out.Reset()
	c.mu.Lock()
	c.machine.Step(now, m, out)
	c.mu.Unlock()
	c.env.Meter.StaleMessages().Add(int64(out.Stale))
	c.env.Emit(out.Events...)
	if out.Commit != nil {
		c.call(ctx, *out.Commit)
	}
	for _, r := range out.Released {
		if reply := c.replies[r.ID]; reply != nil {
			reply <- r
			delete(c.replies, r.ID)
		}
	}
	for _, id := range out.Quiet {
		c.quiet[id] <- struct{}{}
		delete(c.quiet, id)
	}
	if out.Wake.IsZero() {
		return
	}
	if c.timer == nil {
		root, self := ctx.ActorSystem().Root, ctx.Self()
		c.timer = time.AfterFunc(out.Wake.Sub(now), func() { root.Send(self, messages.CommitTick{}) })
		return
	}
	c.timer.Reset(out.Wake.Sub(now))
}

// call commits on a goroutine of its own and sends the answer to the committer's mailbox.
func (c *committer) call(ctx actor.Context, commit messages.Commit) {
	root, self := ctx.ActorSystem().Root, ctx.Self()
	offsets := make([]kafka.CommitOffset, len(commit.Offsets))
	for i, w := range commit.Offsets {
		offsets[i] = kafka.CommitOffset{
			Partition: w.Partition, Offset: w.Offset, LeaderEpoch: w.LeaderEpoch, Metadata: w.Metadata,
		}
	}
	go func() {
		began := time.Now()
		results, err := c.consumer.Commit(c.ctx, offsets)
		answers := commitAnswers(offsets, results, err)
		root.Send(self, messages.CommitReturned{
			Seq: commit.Seq, Results: answers, DurationMS: float64(time.Since(began).Microseconds()) / 1000,
		})
	}()
}

// commitAnswers gives an answer for every offset, whatever the client gave.
func commitAnswers(offsets []kafka.CommitOffset, results []kafka.CommitResult, err error) []messages.CommitAnswer {
	answers := make([]messages.CommitAnswer, 0, len(offsets))
	if err != nil {
		for i := range offsets {
			answers = append(answers, commitAnswer(kafka.CommitResult{Partition: offsets[i].Partition, Err: err}))
		}
		return answers
	}
	for _, r := range results {
		answers = append(answers, commitAnswer(r))
	}
	return answers
}

// status gives what is committed of an incarnation; it may be called from any goroutine.
func (c *committer) status(now time.Time, inc messages.Incarnation) (committed int64, since time.Time, failing error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine.Status(now, inc)
}

// standing adds what is committed to what the watchdog sees of a partition; false when the machine is in the middle of a step.
func (c *committer) standing(now time.Time, s *core.Standing) bool {
	if !c.mu.TryLock() {
		return false
	}
	defer c.mu.Unlock()
	committed, _, failing := c.machine.Status(now, s.Incarnation)
	s.Position, s.CommitFailing = max(s.Position, committed), failing != nil
	return true
}

// commitAnswer reads what the client says of one partition. An error it does not know is worth another try.
func commitAnswer(r kafka.CommitResult) messages.CommitAnswer {
	a := messages.CommitAnswer{Partition: r.Partition, Err: r.Err}
	if r.Err == nil {
		return a
	}
	a.Retriable = true
	var e *kafka.CommitError
	if errors.As(r.Err, &e) {
		a.Retriable, a.MetadataTooLarge = e.Retriable, e.MetadataTooLarge
	}
	if errors.Is(r.Err, kafka.ErrNotOwned) || errors.Is(r.Err, kafka.ErrClosed) {
		a.Retriable = false
	}
	return a
}
