package cli

import (
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/troupe-go/troupe/pipeline"
)

// lateLog is a logger's handler that is chosen after the logger: how to log stands in the configuration, and what reads
// the configuration needs a logger. Nothing is logged before choose, and nothing may be derived with attributes.
type lateLog struct{ slog.Handler }

func newLateLog() *lateLog { return &lateLog{Handler: slog.DiscardHandler} }

func (l *lateLog) choose(to io.Writer, as pipeline.Log) {
	options := &slog.HandlerOptions{Level: as.Level}
	if as.Format == "text" || as.Format == "auto" && onTerminal(to) {
		l.Handler = slog.NewTextHandler(to, options)
		return
	}
	l.Handler = slog.NewJSONHandler(to, options)
}

// onTerminal says whether a person reads along.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// lockedWriter lets several write to one place, each Write whole.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes p.
func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
