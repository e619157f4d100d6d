package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// stubborn is a processor that stops when told in the way that it heeds.
type stubborn struct {
	heedsContext, heedsAbort bool
	aborted                  chan struct{}
	left                     chan struct{} // lets Run end after all
}

var errUnfinished = errors.New("unfinished")

func (s *stubborn) Run(ctx context.Context) error {
	stopped := ctx.Done()
	if !s.heedsContext {
		stopped = nil
	}
	aborted := s.aborted
	if !s.heedsAbort {
		aborted = nil
	}
	select {
	case <-stopped:
		return nil
	case <-aborted:
		return errUnfinished
	case <-s.left:
		return nil
	}
}

func (s *stubborn) Abort() { close(s.aborted) }

func TestSignalsEscalate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		processor stubborn
		signals   int
		want      error
		takes     time.Duration
	}{
		"the first stops":                  {stubborn{heedsContext: true, heedsAbort: true}, 1, nil, 0},
		"the second aborts":                {stubborn{heedsAbort: true}, 2, errUnfinished, 0},
		"the third leaves all behind":      {stubborn{}, 3, errGivenUp, 0},
		"an abort that hangs is left, too": {stubborn{}, 2, errGivenUp, abortTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := c.processor
				p.aborted, p.left = make(chan struct{}), make(chan struct{})
				signals := make(chan os.Signal)
				ended := make(chan error, 1)
				go func() { ended <- escalate(t.Context(), &p, signals, slog.New(slog.DiscardHandler)) }()
				synctest.Wait()
				for range c.signals {
					require.Empty(t, ended)
					signals <- syscall.SIGTERM
					synctest.Wait()
				}
				began := time.Now()
				require.ErrorIs(t, <-ended, c.want)
				require.Equal(t, c.takes, time.Since(began))
				close(p.left)
			})
		})
	}
}

func TestProcessorThatEndsByItselfEndsTheRun(t *testing.T) {
	t.Parallel()
	p := stubborn{heedsAbort: true, aborted: make(chan struct{})}
	p.Abort()
	require.ErrorIs(t, escalate(t.Context(), &p, make(chan os.Signal), slog.New(slog.DiscardHandler)), errUnfinished)
}

func TestEndOfTheContextStopsTheProcessor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := stubborn{heedsContext: true, aborted: make(chan struct{})}
	require.NoError(t, escalate(ctx, &p, make(chan os.Signal), slog.New(slog.DiscardHandler)))
}
