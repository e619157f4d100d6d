package meter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRegistryCountsRequestsAndShowsItsUse(t *testing.T) {
	t.Parallel()
	r := NewRegistry()
	r.Requested(RegistryAnswered, 30*time.Millisecond)
	r.Requested(RegistryFailed, time.Second)
	r.Requested(RegistryFailed, time.Second)
	metrics := r.Snapshot(RegistryUse{WhileAway: 2, DiskFailures: 1, Schemas: 3, SchemaBytes: 900})
	require.Equal(t, map[string]float64{"answered": 1, "unknown": 0, "refused": 0, "failed": 2}, values(find(t, metrics, "registry_requests_total")))
	duration := find(t, metrics, "registry_request_duration_seconds")
	require.Equal(t, uint64(3), duration.Values[0].Count)
	require.InDelta(t, 2.03, duration.Values[0].Sum, 1e-9)
	for name, want := range map[string]float64{
		"registry_answers_while_away_total": 2, "registry_disk_failures_total": 1,
		"registry_schemas": 3, "registry_schema_bytes": 900,
	} {
		require.Equal(t, map[string]float64{"": want}, values(find(t, metrics, name)), name)
	}
}
