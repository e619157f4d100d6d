package actors

import (
	"sync"
	"time"
)

// Stop tells everybody that the processor is being stopped, and by when. It may be used from any goroutine.
type Stop struct {
	once     sync.Once
	begun    chan struct{}
	deadline time.Time // written before begun is closed
}

// NewStop makes one that has not begun.
func NewStop() *Stop { return &Stop{begun: make(chan struct{})} }

// Begin begins it. Only the first call counts.
func (s *Stop) Begin(deadline time.Time) {
	s.once.Do(func() {
		s.deadline = deadline
		close(s.begun)
	})
}

// Begun is closed when it has begun.
func (s *Stop) Begun() <-chan struct{} { return s.begun }

// Deadlines divides the time that is left to a stop that has begun: until when records in flight are waited for, and until
// when their commit is. The rest is for closing the client.
func (s *Stop) Deadlines(now time.Time) (drainBy, commitBy time.Time) {
	return stopDeadlines(now, s.deadline)
}

func stopDeadlines(now, deadline time.Time) (drainBy, commitBy time.Time) {
	left := deadline.Sub(now)
	return now.Add(left * 6 / 10), now.Add(left * 8 / 10)
}
