package franz

import (
	"context"
	"sync"
)

// troublesMax bounds the troubles that wait for a Poll.
const troublesMax = 256

// inbox is what other goroutines have for the one that owns the consumer. It is emptied by Poll, which it wakes.
type inbox struct {
	mu       sync.Mutex
	posts    []func()
	troubles []error
	wake     context.CancelFunc // of the Poll that waits
}

// post leaves something that the owner is to run.
func (b *inbox) post(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posts = append(b.posts, f)
	b.rouse()
}

// trouble leaves an error for the listener. When nobody polls, only the first ones are kept.
func (b *inbox) trouble(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.troubles) < troublesMax {
		b.troubles = append(b.troubles, err)
		b.rouse()
	}
}

func (b *inbox) rouse() {
	if b.wake != nil {
		b.wake()
		b.wake = nil
	}
}

// await has wake called when something arrives. It is false, and wake is not kept, when something is there already.
func (b *inbox) await(wake context.CancelFunc) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.posts)+len(b.troubles) > 0 {
		return false
	}
	b.wake = wake
	return true
}

// take empties the inbox.
func (b *inbox) take() (posts []func(), troubles []error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	posts, troubles = b.posts, b.troubles
	b.posts, b.troubles, b.wake = nil, nil, nil
	return posts, troubles
}
