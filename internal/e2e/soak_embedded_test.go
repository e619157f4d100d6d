//go:build !realkafka

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/embedded"
)

// How much the soak tests do where they run with all other tests.
const (
	soakRecords = 20_000
	soakKills   = 3
)

// soakWork is how many steps the pipeline takes over each record, so that there is time to stop it in the middle.
const soakWork = 200

// soakSessionMS is how soon a killed member is given up.
const soakSessionMS = 1000

// soakBrokers gives brokers that allow short sessions.
func soakBrokers(t *testing.T) string {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Config: map[string]string{
		"group.min.session.timeout.ms":          "500",
		"group.consumer.session.timeout.ms":     "1000",
		"group.consumer.min.session.timeout.ms": "500",
		"group.consumer.heartbeat.interval.ms":  "200",
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	return broker.Bootstrap()
}

// shortenSession does what has to be done for one group; the embedded broker was started with short sessions.
func (s *soak) shortenSession() {}
