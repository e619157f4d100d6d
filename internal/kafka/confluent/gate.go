package confluent

import "sync"

// gate keeps calls out of a client that is being destroyed: whoever comes after shut is refused, and wait returns when
// those inside have left.
type gate struct {
	mu     sync.Mutex
	left   sync.Cond
	shut   bool
	inside int
}

func newGate() *gate {
	g := &gate{}
	g.left.L = &g.mu
	return g
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 {
		g.left.Broadcast()
	}
}

// close refuses those who come from now on.
func (g *gate) close() { g.set(true) }

// open lets them in again.
func (g *gate) open() { g.set(false) }

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
}

// wait returns when nobody is inside.
func (g *gate) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.inside > 0 {
		g.left.Wait()
	}
}
