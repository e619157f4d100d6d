//go:build !linux

package parallel

import "time"

// waits lets handlers sleep; see the one for Linux for why that is not what is to be measured.
type waits struct{ latency time.Duration }

func newWaits(latency time.Duration) (*waits, error) { return &waits{latency}, nil }

func (w *waits) wait()  { time.Sleep(w.latency) }
func (w *waits) close() {}
