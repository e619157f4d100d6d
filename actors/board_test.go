package actors

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// A look at the status holds a poller's lock and asks the board; an operator's pause asks the pollers. Neither may hold what
// the other one waits for.
func TestAPauseAndALookAtTheStatusDoNotWaitForOneAnother(t *testing.T) {
	t.Parallel()
	system := actor.NewActorSystem(actor.WithDeadLetterThrottleInterval(time.Millisecond))
	board := NewBoard()
	p := &poller{
		env: &Env{Board: board}, ownership: core.NewOwnership(core.OwnershipConfig{}, &core.Epochs{}),
		self: actor.NewPID("nonhost", "nobody"),
	}
	s := stream.Partition{Topic: "orders"}
	p.ownership.Step(time.Now(), messages.PartitionsAssigned{Partitions: []stream.Partition{s}}, &core.OwnershipEffects{})
	board.addPoller(p)
	done := make(chan error, 2)
	const times = 3000
	go func() {
		for range times {
			p.status(time.Now())
		}
		done <- nil
	}()
	go func() {
		var err error
		for i := range times {
			if e := board.SetPaused(system.Root, messages.OperatorPaused{Partitions: []stream.Partition{s}, Paused: i%2 == 0}); e != nil {
				err = e
			}
		}
		done <- err
	}()
	for range 2 {
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(20 * time.Second):
			t.Fatal("they wait for one another")
		}
	}
}
