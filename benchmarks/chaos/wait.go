package chaos

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// tick is how often a wait without a signal of its own looks again.
const tick = 100 * time.Millisecond

// pause waits for a time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait looks again and again until the condition is met or the context has ended.
func wait(ctx context.Context, what string, condition func() bool) error {
	for !condition() {
		if err := pause(ctx, tick); err != nil {
			return fmt.Errorf("waited in vain for %s: %w", what, err)
		}
	}
	return nil
}

// apart starts a command in a process group of its own, so that Ctrl-C at the terminal is not meant for it.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
