package actors

import (
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
)

// guard runs Receive so that a panic ends in an error and never in proto.actor's own supervision, which would drop the
// message and say nothing. After a panic the actor is broken: it hears nothing more but its own end. It also notes what the
// actor is at, for the watchdog.
type guard struct {
	broken bool
	vitals *vitals
	board  *Board
}

// bug is a panic in an actor of troupe's.
type bug struct {
	value any
	stack []byte
}

func (b *bug) Error() string { return fmt.Sprintf("panic: %v (a bug in troupe)", b.value) }

// run calls receive and gives the panic it ended with, or nil.
func (g *guard) run(ctx actor.Context, receive func(actor.Context)) (failure *bug) {
	message := ctx.Message()
	g.vitals.begin(message)
	defer g.vitals.end()
	switch message.(type) {
	case *actor.Stopping:
	case *actor.Stopped:
		g.board.removeLoop(g.vitals)
	default:
		if g.broken {
			return nil
		}
	}
	defer func() {
		if v := recover(); v != nil {
			g.broken = true
			failure = &bug{value: v, stack: debug.Stack()}
		}
	}()
	receive(ctx)
	return nil
}
