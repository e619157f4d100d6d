package supervisor

import "github.com/asynkron/protoactor-go/actor"

// Send puts a message into the mailbox of an actor of the tree, below the processor, for tests that break one.
func (t *Tree) Send(path string, message any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.root.Send(actor.NewPID("nonhost", "processor/"+path), message)
}
