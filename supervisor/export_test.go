package supervisor

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Send puts a message into the mailbox of an actor of the tree, below the processor, for tests that break one.
func (t *Tree) Send(path string, message any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.root.Send(actor.NewPID("nonhost", "processor/"+path), message)
}

// PollerName is the name of the actor of a poller that was started at that time.
func PollerName(number int, at time.Time) string {
	return fmt.Sprintf("poller-%d-%d", number, at.UnixNano())
}
