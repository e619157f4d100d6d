package actors

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/stream"
)

// deadProducer has failed for good, and says so at every message.
type deadProducer struct{ closed chan struct{} }

func (deadProducer) Produce(*stream.Message, uint64) error {
	return &kafka.ProduceError{Kind: kafka.Fatal, Err: errors.New("fenced")}
}

func (deadProducer) Flush(context.Context) int { return 0 }

func (p deadProducer) Close(context.Context) error {
	close(p.closed)
	return nil
}

func testOutbox(t *testing.T) (*outbox[int], deadProducer) {
	t.Helper()
	base, cancel := context.WithCancel(t.Context())
	m := meter.New(meter.Build{})
	env := &Env{Meter: m, Events: NewEvents(m), Base: base, Fail: func(err error) { t.Error(err) }}
	cancel() // no new producer is made
	t.Cleanup(func() { env.Events.Close(time.Second) })
	system := actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond))
	producer := deadProducer{closed: make(chan struct{})}
	return &outbox[int]{
		env: env, name: "publisher", root: system.Root, self: actor.NewPID("nonhost", "nobody"),
		budget: retry.NewBudget(retry.Limits{}), producer: producer,
		settled: func(int, *stream.Message, error) {},
	}, producer
}

// A message twice in the backlog would be written twice under one token, and the second acknowledgement be taken for that of
// whichever message has the token by then: its record would be done though nothing of it was written.
func TestAMessageThatFindsItsProducerDeadWaitsInTheBacklogOnce(t *testing.T) {
	t.Parallel()
	o, producer := testOutbox(t)
	o.write(1, stream.Message{Topic: "out"})
	require.Equal(t, []int{0}, o.backlog)
	o.write(2, stream.Message{Topic: "out"})
	require.Equal(t, []int{0, 1}, o.backlog)
	<-producer.closed
}

func TestAProducerThatComesAfterTheCloseIsClosed(t *testing.T) {
	t.Parallel()
	o, _ := testOutbox(t)
	o.producer = nil // one is being made
	left := make(chan int, 1)
	o.close(CloseOutbox{Deadline: time.Now().Add(time.Second), Reply: left})
	require.Zero(t, <-left)
	late := deadProducer{closed: make(chan struct{})}
	o.renewed(outboxRenewed{era: 0, producer: late})
	require.Nil(t, o.producer)
	<-late.closed
}

// hoarder is a producer that takes whatever it is given.
type hoarder struct {
	deadProducer
	tokens []uint64
}

func (h *hoarder) Produce(_ *stream.Message, token uint64) error {
	h.tokens = append(h.tokens, token)
	return nil
}

func TestAClientHasNoMoreThanItsPartOfTheMemoryAndOneMessageAtLeast(t *testing.T) {
	t.Parallel()
	o, _ := testOutbox(t)
	client := &hoarder{}
	var settled []int
	o.producer, o.most = client, 3*flow.MessageCost(&stream.Message{Topic: "out"})
	o.settled = func(item int, _ *stream.Message, _ error) { settled = append(settled, item) }
	for item := range 5 {
		o.write(item, stream.Message{Topic: "out"})
	}
	require.Equal(t, []uint64{0, 1, 2}, client.tokens)
	o.receive(deliveries{reports: []kafka.Delivery{{Token: 0}}})
	require.Equal(t, []uint64{0, 1, 2, 3}, client.tokens)
	again := &kafka.ProduceError{Kind: kafka.Undelivered, Err: errors.New("time-out")}
	o.receive(deliveries{reports: []kafka.Delivery{{Token: 1, Err: again}, {Token: 2}}})
	require.Equal(t, []uint64{0, 1, 2, 3, 4, 1}, client.tokens, "in the order of the backlog")
	o.write(5, stream.Message{Topic: "out", Value: make([]byte, 10_000)})
	o.receive(deliveries{reports: []kafka.Delivery{{Token: 3}, {Token: 4}}})
	require.Len(t, client.tokens, 6)
	o.receive(deliveries{reports: []kafka.Delivery{{Token: 1}}})
	require.Len(t, client.tokens, 7, "one that is larger goes alone")
	o.receive(deliveries{reports: []kafka.Delivery{{Token: client.tokens[6]}}})
	require.Equal(t, []int{0, 2, 3, 4, 1, 5}, settled)
	require.Zero(t, o.queued)
}
