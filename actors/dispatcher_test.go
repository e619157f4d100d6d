package actors

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// goroutineID tells goroutines apart.
func goroutineID() string {
	var stack [64]byte
	return string(stack[:runtime.Stack(stack[:], false)][:len("goroutine 12345678")])
}

func TestMailboxesThatFollowOneAnotherShareAGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := NewDispatcher()
		var ids []string
		for range 3 {
			d.Schedule(func() { ids = append(ids, goroutineID()) })
			synctest.Wait()
		}
		require.Len(t, ids, 3)
		require.Equal(t, ids[0], ids[1])
		require.Equal(t, ids[0], ids[2])
		d.Close()
	})
}

// A mailbox may block, as the poller's does, or those of many partitions be run at once.
func TestAMailboxWaitsForNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const mailboxes = 3 * dispatcherIdleMax
		d := NewDispatcher()
		release := make(chan struct{})
		var running, ended sync.WaitGroup
		running.Add(mailboxes)
		for range mailboxes {
			ended.Add(1)
			d.Schedule(func() {
				running.Done()
				<-release
				ended.Done()
			})
		}
		running.Wait()
		close(release)
		ended.Wait()
		synctest.Wait()
		require.Len(t, d.idle, dispatcherIdleMax, "the others have ended")
		d.Close()
	})
}

func TestAClosedDispatcherKeepsNoGoroutineAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // which fails when one is left
		d := NewDispatcher()
		release := make(chan struct{})
		d.Schedule(func() {})
		synctest.Wait()
		d.Schedule(func() { <-release })
		synctest.Wait()
		d.Close()
		close(release)
		ran := false
		d.Schedule(func() { ran = true })
		synctest.Wait()
		require.True(t, ran)
		require.Empty(t, d.idle)
	})
}
