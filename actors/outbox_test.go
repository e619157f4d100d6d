package actors

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

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
