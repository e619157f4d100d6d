package parallel

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// slack is by how much the end of a wait may be late, as that of a sleeping thread may: Linux gives threads 50 µs, and they
// need a while to wake up.
const slack = 100 * time.Microsecond

// waits lets handlers wait as they would for a service that answers after a fixed time: a file becomes readable, and the
// network poller wakes the goroutine. Timers of Go are no such service. Where the processor has nothing to do the runtime
// sleeps by whole milliseconds, so that a sleep of 10 ms takes 10.5, and what the contenders lose that way is nobody's.
//
// Whoever begins a wait ends some of those that are over. The file is for when nobody does.
type waits struct {
	latency time.Duration
	timer   int      // its descriptor
	file    *os.File // the timer
	began   time.Time

	mu    sync.Mutex
	queue []wait // all wait equally long, so they end in the order in which they began
	head  int
	armed bool
	free  sync.Pool // of channels
}

type wait struct {
	end  time.Duration // since began
	over chan struct{}
}

// newWaits gives nil for no latency. Close them when nobody waits any more.
func newWaits(latency time.Duration) (*waits, error) {
	if latency <= 0 {
		return nil, nil //nolint:nilnil // no waits are waits that end at once
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	w := &waits{latency: latency, timer: timer, file: os.NewFile(uintptr(timer), "timer"), began: time.Now()}
	go w.serve()
	return w, nil
}

// wait returns when the latency has passed; at once without waits.
func (w *waits) wait() {
	if w == nil {
		return
	}
	over, pooled := w.free.Get().(chan struct{})
	if !pooled {
		over = make(chan struct{}, 1)
	}
	var others [4]chan struct{}
	w.mu.Lock()
	now := time.Since(w.began)
	w.queue = append(w.queue, wait{end: now + w.latency, over: over})
	ended := w.take(now, others[:0])
	if !w.armed {
		w.arm(now)
	}
	w.mu.Unlock()
	end(ended)
	<-over
	w.free.Put(over)
}

func end(ended []chan struct{}) {
	for _, over := range ended {
		over <- struct{}{}
	}
}

// take gives waits that are over, as many as there is room for. The lock is held.
func (w *waits) take(now time.Duration, ended []chan struct{}) []chan struct{} {
	for ; w.head < len(w.queue) && w.queue[w.head].end <= now && len(ended) < cap(ended); w.head++ {
		ended = append(ended, w.queue[w.head].over)
	}
	if w.head > len(w.queue)/2 {
		kept := copy(w.queue, w.queue[w.head:])
		w.queue, w.head = w.queue[:kept], 0
	}
	return ended
}

// arm lets the file become readable after the end of the next wait. The lock is held.
func (w *waits) arm(now time.Duration) {
	left := max(w.queue[w.head].end-now, 0) + slack
	set := unix.ItimerSpec{Value: unix.NsecToTimespec(left.Nanoseconds())}
	if err := unix.TimerfdSettime(w.timer, 0, &set, nil); err != nil {
		panic(fmt.Sprintf("set a timer: %v", err))
	}
	w.armed = true
}

// serve ends the waits that nobody else has ended, until the file is closed.
func (w *waits) serve() {
	var count [8]byte
	ended := make([]chan struct{}, 0, 64)
	for {
		if _, err := w.file.Read(count[:]); err != nil {
			return
		}
		for more := true; more; {
			w.mu.Lock()
			now := time.Since(w.began)
			ended = w.take(now, ended[:0])
			more = len(ended) == cap(ended)
			if w.armed = more; !more && w.head < len(w.queue) {
				w.arm(now)
			}
			w.mu.Unlock()
			end(ended)
		}
	}
}

func (w *waits) close() {
	if w != nil {
		_ = w.file.Close() // which ends serve
	}
}
