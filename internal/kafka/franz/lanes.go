package franz

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lanes are two clients of one producer. The library has one limit for batches and for single messages: were it as large
// as the largest message that may be written, then batches of small ones would grow beyond what brokers take, and all
// messages of such a batch would be refused. So messages that fit batch.size go one way, and larger ones, each a batch of
// its own, another. To keep the order, nothing goes one way while something is under way on the other.
type lanes struct {
	small     *kgo.Client
	makeLarge func() (*kgo.Client, error)
	batch     int64 // bytes of a message that go with the small ones
	delivered func(*ticket, error)

	// flying counts what is under way on the small lane, and on the large one. The library's goroutine that tells of the
	// fate of messages must not wait for the lock, which is held while the library is given messages.
	flying [2]atomic.Int64

	mu     sync.Mutex
	large  *kgo.Client // made when it is needed
	held   []*ticket   // in order, until the other lane is empty
	closed bool
}

const (
	smallLane = 0
	largeLane = 1
)

// recordOverhead is more than what a record, its batch and one header add to the bytes of a message.
const recordOverhead, headerOverhead = 256, 16

func (l *lanes) lane(t *ticket) int {
	if t.bytes+recordOverhead+int64(len(t.record.Topic)+headerOverhead*len(t.record.Headers)) <= l.batch {
		return smallLane
	}
	return largeLane
}

func (l *lanes) send(t *ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		l.delivered(t, errDropped)
		return
	}
	if len(l.held) > 0 || !l.open(l.lane(t)) {
		l.held = append(l.held, t)
		return
	}
	l.produce(t)
}

// open says whether a message may go: the small lane takes any number at once, the large one a single message.
func (l *lanes) open(lane int) bool {
	return l.flying[largeLane].Load() == 0 && (lane == smallLane || l.flying[smallLane].Load() == 0)
}

// produce gives a message to the library. It is called with the lock, which keeps the order.
func (l *lanes) produce(t *ticket) {
	lane := l.lane(t)
	l.flying[lane].Add(1)
	client := l.small
	if lane == largeLane {
		if l.large == nil {
			large, err := l.makeLarge()
			if err != nil {
				l.finish(t, fmt.Errorf("make a client for large messages: %w", err))
				return
			}
			l.large = large
		}
		client = l.large
	}
	client.TryProduce(context.Background(), &t.record, l.promise)
}

// promise is called by the library for every message.
func (l *lanes) promise(r *kgo.Record, err error) {
	t, ours := r.Context.(*ticket)
	if !ours {
		return
	}
	l.finish(t, err)
}

func (l *lanes) finish(t *ticket, err error) {
	l.flying[l.lane(t)].Add(-1)
	l.delivered(t, err)
}

// pump gives the library what was held. It is called after every report.
func (l *lanes) pump() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.held) > 0 && !l.closed && l.open(l.lane(l.held[0])) {
		next := l.held[0]
		l.held[0] = nil
		l.held = l.held[1:]
		l.produce(next)
	}
}

func (l *lanes) flush(ctx context.Context) {
	l.mu.Lock()
	large := l.large
	l.mu.Unlock()
	for _, client := range []*kgo.Client{l.small, large} {
		if client != nil {
			_ = client.Flush(ctx) // the caller counts what is left
		}
	}
}

// close drops what is queued. The library reports each of its messages with an error.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	held, large := l.held, l.large
	l.held = nil
	l.mu.Unlock()
	for _, t := range held {
		l.delivered(t, errDropped)
	}
	l.small.Close()
	if large != nil {
		large.Close()
	}
}
