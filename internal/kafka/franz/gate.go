package franz

import (
	"sync"
	"sync/atomic"
)

// gate keeps calls out of a client that is being closed: whoever comes after shut is refused, and shut returns when those
// inside have left.
type gate struct {
	closed atomic.Bool
	inside sync.RWMutex
}

func (g *gate) enter() bool {
	if g.closed.Load() {
		return false
	}
	g.inside.RLock()
	if g.closed.Load() {
		g.inside.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.inside.RUnlock() }

// refuse turns away those who come from now on.
func (g *gate) refuse() { g.closed.Store(true) }

// wait returns when nobody is inside any more.
func (g *gate) wait() {
	g.refuse()
	g.inside.Lock()
	g.inside.Unlock() //nolint:staticcheck // the lock is held by everybody inside, so taking it is the wait
}
