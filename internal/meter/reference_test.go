package meter

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "metrics.md")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(Reference()), 0o644))
		return
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, Reference(), string(written), "docs/metrics.md is stale: run go generate ./internal/meter")
}

// The reference is made from the same families as the metrics themselves, so it can neither miss nor invent one.
func TestReferenceNamesEveryMetric(t *testing.T) {
	t.Parallel()
	names := make([]string, 0)
	for _, f := range families() {
		names = append(names, f.name)
	}
	shown := make([]string, 0)
	for _, m := range append(New(Build{}).Snapshot(busyStatus()), NewRegistry().Snapshot(RegistryUse{})...) {
		shown = append(shown, m.Name)
	}
	slices.Sort(shown)
	require.Equal(t, shown, names)
}
