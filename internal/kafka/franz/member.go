package franz

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/stream"
)

// group says how to be a member.
type group struct {
	id          string
	instance    string    // group.instance.id, empty where membership is not static
	consumer    bool      // group.protocol=consumer
	cooperative bool      // of the classic protocol
	options     []kgo.Opt // of the client that is the member
}

// member is a client that is a member of the group and reads nothing. Its callbacks come on goroutines of the library and
// are handed to the goroutine that owns the consumer; the library waits until they were served there.
type member struct {
	consumer *consumer
	client   *kgo.Client
	cancel   context.CancelFunc

	leaving atomic.Bool   // callbacks are answered at once
	parked  atomic.Int32  // callbacks that wait for the owner
	owed    atomic.Bool   // a revoke was acknowledged, and the rejoin that gives the partitions to others is to come
	dead    chan struct{} // closed when no callback is waited for any more
	once    sync.Once
	pump    sync.WaitGroup
}

func newMember(c *consumer) (*member, error) {
	ctx, cancel := context.WithCancel(c.ctx)
	m := &member{consumer: c, cancel: cancel, dead: make(chan struct{})}
	options := append([]kgo.Opt{
		kgo.ConsumeTopics(c.topics...),
		kgo.WithContext(ctx),
		kgo.WithHooks(c.connections(), m),
		kgo.DisableAutoCommit(),
		kgo.KeepRetryableFetchErrors(),
		kgo.AdjustFetchOffsetsFn(readNothing),
		kgo.OnPartitionsAssigned(m.onAssigned),
		kgo.OnPartitionsRevoked(m.onRevoked),
		kgo.OnPartitionsLost(m.onLost),
	}, c.group.options...)
	if len(c.topics) == 1 && strings.HasPrefix(c.topics[0], "^") {
		options = append(options, kgo.ConsumeRegex())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		cancel()
		return nil, err
	}
	m.client = client
	m.pump.Go(func() { m.passOnTrouble(ctx) })
	return m, nil
}

// readNothing keeps the member from reading what it is assigned: another client does.
func readNothing(context.Context, map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	return nil, nil
}

// passOnTrouble tells of errors of the group and of the topics subscribed to, which the library hands out like records.
func (m *member) passOnTrouble(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := m.client.PollRecords(ctx, 1)
		if fetches.IsClientClosed() {
			return
		}
		for _, e := range fetches.Errors() {
			switch {
			case ended(e.Err):
			case e.Topic == "":
				m.consumer.inbox.trouble(fmt.Errorf("group %s: %w", m.consumer.group.id, e.Err))
			default:
				m.consumer.inbox.trouble(readError(e.Topic, e.Partition, e.Err))
			}
		}
	}
}

// OnGroupManageError is called by the library when the group was lost, before it tries again.
func (m *member) OnGroupManageError(err error) {
	if !fatal(err) || m.leaving.Load() {
		return
	}
	m.cancel() // it must not try again
	m.consumer.inbox.post(func() {
		if m.consumer.is(m) && m.consumer.failed == nil {
			m.consumer.failed = fmt.Errorf("the Kafka consumer is unusable: group %s: %w", m.consumer.group.id, err)
		}
	})
}

func (m *member) onAssigned(_ context.Context, _ *kgo.Client, taken map[string][]int32) {
	m.owed.Store(false)
	m.hand(func() bool {
		m.consumer.assigned(list(taken))
		return true
	})
}

func (m *member) onRevoked(_ context.Context, _ *kgo.Client, given map[string][]int32) {
	if len(given) == 0 {
		return // the library says so at the end of each generation
	}
	if m.hand(func() bool { return m.consumer.revoked(list(given)) }) {
		m.owed.Store(m.consumer.group.cooperative)
	}
}

func (m *member) onLost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	m.hand(func() bool { return m.consumer.lost(list(gone)) })
}

// hand has the owner serve a callback and waits until it did, or until the member is dead. It says whether the owner has
// acknowledged; without that the library waits for as long as the member lives.
func (m *member) hand(serve func() bool) bool {
	if m.leaving.Load() {
		return false
	}
	m.parked.Add(1)
	defer m.parked.Add(-1)
	done := make(chan struct{})
	m.consumer.inbox.post(func() {
		if m.consumer.is(m) && serve() {
			close(done)
		}
	})
	select {
	case <-done:
		return true
	case <-m.dead:
		return false
	}
}

// kill ends the member without a word to the group. What it has given back in an unserved callback stays its own there.
func (m *member) kill() {
	m.once.Do(func() {
		m.leaving.Store(true)
		m.cancel()
		close(m.dead)
		m.client.Close()
		m.pump.Wait()
	})
}

func list(partitions map[string][]int32) []stream.Partition {
	var list []stream.Partition
	for topic, numbers := range partitions {
		for _, number := range numbers {
			list = append(list, stream.Partition{Topic: strings.Clone(topic), Number: number})
		}
	}
	return list
}

// leaveGrace is how long the library's own way to leave may take, which waits for the rebalance that is under way.
const leaveGrace = 2 * time.Second
