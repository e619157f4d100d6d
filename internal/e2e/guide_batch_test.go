package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Records go through the steps in batches. Each line is written once and each bad record becomes a dead letter by itself, over
// a clean stop, in any order.
func TestBatchesOfAPipelineAreWrittenOnceAndFailByRecord(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"partition", "key", "unordered"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			const records = 300
			w := newWorld(t, 2)
			path := filepath.Join(t.TempDir(), "out.txt")
			args := []string{
				"--set", "order=" + order, "--set", "batch={records: 32, wait: 100ms}", "--set", "output={file: {path: " + path + "}}",
				"--set", `steps=[{map: 'if .n % 10 == 7 then error("bad") else .n end'}]`, "--set", "rate_limit={records: 2000, burst: 100}", "--set", "commit.interval=200ms",
			}
			w.produce(orders(0, 0, records)...)
			p := w.run(args...)
			p.untilCommitted(w, 0, records)
			p.stop()
			w.produce(orders(1, records, records)...)
			p = w.run(args...)
			p.untilCommitted(w, 1, records)
			p.stop()

			content, err := os.ReadFile(path)
			require.NoError(t, err)
			got := strings.Split(strings.TrimSpace(string(content)), "\n")
			if order != "partition" {
				slices.SortFunc(got, func(a, b string) int { return len(a)*10000 - len(b)*10000 + strings.Compare(a, b) })
			}
			var want []string
			for n := range 2 * records {
				if n%10 != 7 {
					want = append(want, strconv.Itoa(n))
				}
			}
			require.Equal(t, want, got)
			require.Len(t, w.read(w.dead, 2*records/10), 2*records/10)
		})
	}
}
