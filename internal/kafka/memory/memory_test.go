package memory_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
)

// party is a consumer with a listener that writes down what it hears and starts what it is given.
type party struct {
	t        require.TestingT
	name     string
	consumer kafka.Consumer
	heard    []string
	troubles []error
	owned    map[stream.Partition]bool
	values   []string
	onRevoke func([]stream.Partition) error
	lostErr  error
	// from is where to start; nil: at the committed offset, or the log's start.
	from func(stream.Partition) int64
	// fetch is kept from poll to poll, as a poller does.
	fetch kafka.Fetch
}

func (p *party) Assigned(partitions []stream.Partition) {
	p.heard = append(p.heard, fmt.Sprint("assigned ", numbers(partitions)))
	for _, partition := range partitions {
		p.owned[partition] = true
		if p.from == nil {
			continue
		}
		require.NoError(p.t, p.consumer.Start(partition, p.from(partition)))
	}
}

func (p *party) Revoked(partitions []stream.Partition) error {
	p.heard = append(p.heard, fmt.Sprint("revoked ", numbers(partitions)))
	if p.onRevoke != nil {
		if err := p.onRevoke(partitions); err != nil {
			return err
		}
	}
	for _, partition := range partitions {
		delete(p.owned, partition)
	}
	return nil
}

func (p *party) Lost(partitions []stream.Partition) error {
	p.heard = append(p.heard, fmt.Sprint("lost ", numbers(partitions)))
	for _, partition := range partitions {
		delete(p.owned, partition)
	}
	return p.lostErr
}

func (p *party) Trouble(err error) { p.troubles = append(p.troubles, err) }

// poll polls once and keeps the values.
func (p *party) poll(wait time.Duration) error {
	err := p.consumer.Poll(wait, 1000, &p.fetch)
	p.fetch.Take(func(b kafka.Batch) {
		for _, r := range b.Records {
			p.values = append(p.values, string(r.Value))
		}
	})
	return err
}

func (p *party) mustPoll(wait time.Duration) {
	require.NoError(p.t, p.poll(wait))
}

// takeHeard gives what was heard since the last time, without assignments of nothing.
func (p *party) takeHeard() []string {
	heard := slices.DeleteFunc(p.heard, func(s string) bool { return s == "assigned []" })
	p.heard = nil
	return heard
}

func numbers(partitions []stream.Partition) []int32 {
	var n []int32
	for _, p := range partitions {
		n = append(n, p.Number)
	}
	return n
}

func on(number int32) stream.Partition { return stream.Partition{Topic: "orders", Number: number} }

// join makes a party of the group "g" and subscribes it to orders.
func join(t require.TestingT, b *memory.Broker, name string, properties map[string]string) *party {
	client := b.Client("g", properties)
	consumer, err := client.Consumer(name, outside(client))
	require.NoError(t, err)
	p := &party{t: t, name: name, consumer: consumer, owned: map[stream.Partition]bool{}}
	p.from = func(partition stream.Partition) int64 {
		if offset, _ := b.Committed("g", partition); offset >= 0 {
			return offset
		}
		return 0
	}
	require.NoError(t, consumer.Subscribe([]string{"orders"}, p))
	return p
}

// settle polls the parties in turn until nobody hears anything more.
func settle(parties ...*party) {
	for quiet := false; !quiet; {
		quiet = true
		for _, p := range parties {
			before := len(p.heard) + len(p.troubles)
			p.mustPoll(0)
			quiet = quiet && len(p.heard)+len(p.troubles) == before
		}
	}
}

func newBroker(partitions int) *memory.Broker {
	b := memory.NewBroker(memory.Options{})
	b.CreateTopic("orders", partitions)
	return b
}

// outside is what a consumer does by default about a position outside the log.
func outside(c kafka.Client) kafka.OutOfRange {
	if c.Reset() == kafka.ResetError {
		return kafka.OutOfRangeStop
	}
	return kafka.OutOfRangeGoOn
}
