package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe"
)

// abortTimeout bounds what follows an abort. What takes longer hangs.
const abortTimeout = 5 * time.Second

// errGivenUp is the end of a process that is left although it has not stopped.
var errGivenUp = errors.New("gave up: the processor has not stopped; what was not done is not committed")

// processor is what signals are about.
type processor interface {
	Run(ctx context.Context) error
	Abort()
}

var _ processor = (*troupe.Processor)(nil)

// stopSignals gives the signals from now on, until forget is called. Without a receiver they end the process.
func stopSignals() (signals <-chan os.Signal, forget func()) {
	c := make(chan os.Signal, 3) // as many as there are steps of the escalation
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}

// escalate runs the processor. Signals are an escalation:
//
//	running ──first──► stopping, bounded by shutdown_timeout ──second──► aborted ──third, or 5 s──► given up
//
// Signals that came before it runs count too: whoever has seen the process answer may stop it at once.
func escalate(ctx context.Context, p processor, signals <-chan os.Signal, logger *slog.Logger) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- p.Run(running) }()

	late := time.NewTimer(abortTimeout)
	late.Stop() // until there is an abort
	defer late.Stop()
	for n := 1; ; n++ {
		select {
		case err := <-ended:
			return err
		case <-late.C:
			return errGivenUp
		case s := <-signals:
			switch n {
			case 1:
				logger.Info("stopping; a second signal gives up what is in flight", "signal", s.String())
				stop()
			case 2:
				logger.Warn("aborting; a third signal ends the process at once", "signal", s.String())
				p.Abort()
				late.Reset(abortTimeout)
			default:
				return errGivenUp
			}
		}
	}
}
