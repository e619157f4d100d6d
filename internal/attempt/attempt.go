// Package attempt is what the context of an attempt offers beyond its end: to middleware that makes a handler wait for
// something that is not the handler's doing, such as a rate limit.
package attempt

import "context"

// Clock is the clock of one attempt.
type Clock interface {
	// Pause stops it until resume is called: the time between counts neither for the attempt's timeout nor for the metric of
	// its duration. Meanwhile the context has no deadline; it is still cancelled with the partition's assignment. Pauses may be
	// nested. Both may be called from any goroutine, and resume more than once. Pause is for the time of the attempt; resume does
	// nothing after it.
	Pause() (resume func())
}

// Key is the key of an attempt's Clock in its context.
type Key struct{}

// ClockOf gives the clock of the attempt that ctx belongs to. It is false outside of one.
func ClockOf(ctx context.Context) (Clock, bool) {
	c, ok := ctx.Value(Key{}).(Clock)
	return c, ok
}
