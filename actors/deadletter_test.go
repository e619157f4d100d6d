package actors

import (
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Every letter that is refused has the topic looked for again, many times a second.
func TestMissingDeadLetterTopicIsToldOnceAnInterval(t *testing.T) {
	t.Parallel()
	m := meter.New(meter.Build{})
	var told []string
	events := NewEvents(m, func(e stream.EventTime) {
		trouble, is := e.Event.(stream.ClientTrouble)
		require.True(t, is)
		told = append(told, trouble.Error)
	})
	d := &deadLetters{env: &Env{Meter: m, Events: events}, topics: make(map[string]*letterTopic)}
	for range 20 {
		d.checked(letterTopicChecked{topic: "a", err: errors.New("a is missing")})
		d.checked(letterTopicChecked{topic: "b", err: errors.New("b is missing")})
	}
	require.True(t, events.Close(time.Minute))
	require.Equal(t, []string{"a is missing", "b is missing"}, told)
}

// forgetful is a producer whose topic is gone.
type forgetful struct{ deadProducer }

func (forgetful) Produce(*stream.Message, uint64) error {
	return &kafka.ProduceError{Kind: kafka.UnknownTopic, Err: errors.New("it is gone again")}
}

// grouped is a client that is asked for nothing but its group.
type grouped struct{ kafka.Client }

func (grouped) Group() string { return "group" }

// Each letter has its own fate: that the topic was there a moment ago does not mean that one was written.
func TestNoLetterCountsAsWrittenBecauseItsTopicWasThere(t *testing.T) {
	t.Parallel()
	of, _ := testOutbox(t)
	of.env.Account, of.env.Client = flow.NewAccount(0), grouped{}
	of.env.Settings.DeadLetter = DeadLetterSettings{Envelope: deadletter.JSON, Dialect: deadletter.Native}
	d := &deadLetters{env: of.env, topics: make(map[string]*letterTopic)}
	d.outbox = outbox[letterOf]{env: of.env, root: of.root, self: of.self, producer: forgetful{}, settled: d.settled}
	answers := make(chan messages.DeadLetterResult, 3)
	from := of.root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if answer, is := ctx.Message().(messages.DeadLetterResult); is {
			answers <- answer
		}
	}))
	t.Cleanup(func() { of.root.Stop(from) })
	for offset := range int64(3) {
		letter := messages.DeadLetter{
			Record: stream.Record{Topic: "orders", Offset: offset}, Failure: messages.Failure{Kind: messages.Refused, Err: errors.New("no")},
		}
		d.topic("letters").waiting = append(d.topic("letters").waiting, deadLetterRequest{letter: letter, from: from})
	}
	d.checked(letterTopicChecked{topic: "letters"})
	for range 3 {
		answer := <-answers
		require.ErrorContains(t, answer.Err, "it is gone again", "offset %d", answer.Offset)
	}
}
