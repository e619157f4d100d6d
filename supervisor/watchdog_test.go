package supervisor_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// Lanes that are gone take their work with them: the machine believes that a handler is slow, and nobody is in one.
func TestAPartitionThatStandsStillWithoutACauseIsAFaultUntilItGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		tree := b.tree(succeed)
		stop := running(tree)
		pass(time.Second)
		tree.Send("partitions/in-0#1/lanes", &actor.PoisonPill{})
		pass(time.Second)
		b.fill(2, 40)
		pass(50 * time.Second)
		require.Empty(t, tree.Status().Faults)
		pass(5 * time.Minute)
		faults := tree.Status().Faults
		require.Len(t, faults, 1)
		require.Contains(t, faults[0], "in-0 #1 has made no progress for")
		require.Contains(t, faults[0], "20 records are not done")
		events := eventsOf[stream.NoProgress](b)
		require.Len(t, events, 1, "once")
		e := events[0]
		require.Equal(t, "handling", e.Aspect)
		require.Equal(t, []stream.Partition{zero}, e.Partitions)
		require.EqualValues(t, 1, e.Epoch)
		require.GreaterOrEqual(t, e.SinceMS, int64(60_000))
		for _, shown := range []string{
			"in-0 #1: cause handler-slow", "received 20", "running 20", "lowest record: offset 0", "work 1: 20 records", "lanes: idle",
			"mailboxes", "poller poller-0: ", "publisher publisher: ", "goroutine ", "to be woken at",
		} {
			require.Contains(t, e.Dump, shown)
		}
		require.LessOrEqual(t, len(e.Dump), 256<<10)
		require.EqualValues(t, 1, metric(tree, "no_progress_total", "handling"))
		require.Equal(t, 20, b.attempts(), "the other partition went on")

		tree.Send("partitions/in-0#1", messages.Outcomes{Outcomes: []messages.Outcome{{Seq: 1, Attempted: 20}}})
		pass(10 * time.Second)
		require.Empty(t, tree.Status().Faults)
		require.Len(t, eventsOf[stream.ProgressResumed](b), 1)
		require.NoError(t, stop())
	})
}

// silent is a client whose consumers forget to fetch a partition.
type silent struct {
	kafka.Client
	forgets atomic.Bool
}

type silentConsumer struct {
	kafka.Consumer
	client *silent
}

func (c *silent) Consumer(id string, outside kafka.OutOfRange) (kafka.Consumer, error) {
	consumer, err := c.Client.Consumer(id, outside)
	return &silentConsumer{Consumer: consumer, client: c}, err
}

func (c *silentConsumer) Poll(wait time.Duration, limit int, fetch *kafka.Fetch) error {
	if c.client.forgets.Load() {
		_ = c.Pause([]stream.Partition{zero})
	} else {
		_ = c.Resume([]stream.Partition{zero})
	}
	return c.Consumer.Poll(wait, limit, fetch)
}

func TestAPartitionThatTheClientHasStoppedToFetchIsAFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 100)
		client := &silent{Client: b.broker.Client("group", nil)}
		tree := b.tree(succeed, func(c *supervisor.Config) { c.Client = client })
		stop := running(tree)
		pass(10 * time.Second)
		client.forgets.Store(true)
		pass(10 * time.Minute)
		require.Empty(t, tree.Status().Faults, "there is nothing to fetch")
		b.fill(2, 100)
		pass(2 * time.Minute)
		faults := tree.Status().Faults
		require.Len(t, faults, 1)
		require.Contains(t, faults[0], "in-0 #1 has made no progress")
		require.Contains(t, faults[0], "the client does not fetch them")
		require.Equal(t, 150, b.attempts())
		require.EqualValues(t, 50, tree.Status().Partitions[0].Lag(), "and its lag is seen")
		client.forgets.Store(false)
		pass(time.Minute)
		require.Empty(t, tree.Status().Faults)
		require.Len(t, eventsOf[stream.ProgressResumed](b), 1)
		require.NoError(t, stop())
	})
}

// wedged is a client whose producers block in Produce.
type wedged struct {
	kafka.Client
	release chan struct{}
}

type wedgedProducer struct {
	kafka.Producer
	release chan struct{}
}

func (c *wedged) Producer(id string, on kafka.OnDelivery) (kafka.Producer, error) {
	producer, err := c.Client.Producer(id, on)
	return &wedgedProducer{Producer: producer, release: c.release}, err
}

func (p *wedgedProducer) Produce(m *stream.Message, token uint64) error {
	<-p.release
	return p.Producer.Produce(m, token)
}

func TestAnActorThatBlocksIsAFaultAndItsMailboxIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 1000)
		client := &wedged{Client: b.broker.Client("group", nil), release: make(chan struct{})}
		tree := b.tree(copyToOut, func(c *supervisor.Config) { c.Client = client })
		stop := running(tree)
		pass(2 * time.Minute)
		require.Equal(t, stream.OutputUnavailable, tree.Status().Partitions[0].Cause)
		faults := tree.Status().Faults
		require.Len(t, faults, 1)
		require.Contains(t, faults[0], "publisher has made no progress")
		e := eventsOf[stream.NoProgress](b)[0]
		require.Equal(t, "turning", e.Aspect)
		require.EqualValues(t, -1, e.Offset)
		_, mailbox, found := strings.Cut(e.Dump, "publisher publisher: ")
		require.True(t, found)
		require.Contains(t, mailbox[:200], "queued")
		require.Contains(t, mailbox[:200], "at actors.publishRequest for 1m")
		require.Contains(t, e.Dump, "wedgedProducer", "the stack shows where")
		close(client.release)
		pass(10 * time.Second)
		require.Empty(t, tree.Status().Faults)
		require.NoError(t, stop())
		require.EqualValues(t, 500, b.committed(0))
	})
}

// stopped is a client whose poll does not return.
type stopped struct {
	kafka.Client
	release atomic.Pointer[chan struct{}]
}

type stoppedConsumer struct {
	kafka.Consumer
	client *stopped
}

func (c *stopped) Consumer(id string, outside kafka.OutOfRange) (kafka.Consumer, error) {
	consumer, err := c.Client.Consumer(id, outside)
	return &stoppedConsumer{Consumer: consumer, client: c}, err
}

func (c *stoppedConsumer) Poll(wait time.Duration, limit int, fetch *kafka.Fetch) error {
	if release := c.client.release.Load(); release != nil {
		<-*release
	}
	return c.Consumer.Poll(wait, limit, fetch)
}

func TestAPollLoopThatDoesNotTurnForAMinuteIsAFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		client := &stopped{Client: b.broker.Client("group", nil)}
		tree := b.tree(succeed, func(c *supervisor.Config) { c.Client = client })
		stop := running(tree)
		pass(time.Second)
		release := make(chan struct{})
		client.release.Store(&release)
		pass(55 * time.Second)
		require.Empty(t, tree.Status().Faults)
		pass(15 * time.Second)
		require.Len(t, tree.Status().Faults, 1)
		require.Contains(t, tree.Status().Faults[0], "poller-0 has not polled for 1m")
		require.Len(t, eventsOf[stream.NoProgress](b), 1)
		client.release.Store(nil)
		close(release)
		pass(10 * time.Second)
		require.Empty(t, tree.Status().Faults)
		require.NoError(t, stop())
	})
}

// A revoke may last longer than a minute, because a handler may.
func TestARevokeThatWaitsIsNoFaultAndSaysThatItDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 200)
		release := make(chan struct{})
		tree := b.tree(at(5, untilReleased)(release), func(c *supervisor.Config) {
			c.Settings.Timeout, c.Settings.DrainTimeout = 0, 100*time.Second
			c.Client = b.broker.Client("group", map[string]string{"partition.assignment.strategy": "range"})
		})
		stop := running(tree)
		pass(10 * time.Second)
		drains := time.Now()
		b.broker.Rebalance("group")
		pass(90 * time.Second)
		s := tree.Status()
		require.Equal(t, stream.Draining, s.Partitions[0].Cause)
		require.InDelta(t, 0, s.Partitions[0].Since.Sub(drains).Seconds(), 1)
		require.EqualValues(t, 5, s.Partitions[0].Oldest.Offset)
		require.Empty(t, s.Faults)
		close(release)
		pass(10 * time.Second)
		require.Empty(t, eventsOf[stream.NoProgress](b))
		require.NotEqual(t, stream.Draining, tree.Status().Partitions[0].Cause)
		require.NoError(t, stop())
		require.EqualValues(t, 100, b.committed(0))
	})
}

func TestACommitterThatIsGoneIsAFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		began := time.Now()
		tree := b.tree(func(context.Context, *stream.Record) error { return nil })
		stop := running(tree)
		pass(time.Second)
		tree.Send(supervisor.PollerName(0, began)+"/committer-0", &actor.PoisonPill{})
		b.fill(1, 100)
		pass(50 * time.Second)
		require.Empty(t, tree.Status().Faults)
		pass(time.Minute)
		require.Len(t, tree.Status().Faults, 1)
		require.Contains(t, tree.Status().Faults[0], "done up to 100, committed up to 0, and no commit has failed")
		require.Error(t, stop())
	})
}
