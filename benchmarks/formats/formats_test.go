package formats

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryPairDecodes(t *testing.T) {
	t.Parallel()
	pairs, release, err := Pairs(t.Context())
	require.NoError(t, err)
	t.Cleanup(release)
	report, err := Measure(t.Context(), pairs, 2, time.Millisecond)
	require.NoError(t, err)
	require.Len(t, report.Results, len(pairs))
	for _, r := range report.Results {
		require.Positive(t, r.Ratio, r.Pair)
	}
	folder := t.TempDir()
	require.NoError(t, report.Save(folder))
	var table bytes.Buffer
	require.NoError(t, report.Write(&table))
	require.Contains(t, table.String(), "avro, into a struct")
}
