package e2e

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

func TestServiceHasProcessorsForGoroutinesThatWaitInC(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.run()
	p.untilReady()
	_, metrics := p.get("/metrics")
	want := troupe.GoProcessors("", runtime.GOMAXPROCS(0))
	if _, set := os.LookupEnv("GOMAXPROCS"); set { // the service's environment is ours
		want = runtime.GOMAXPROCS(0)
	}
	require.Contains(t, metrics, fmt.Sprintf("\ngo_sched_gomaxprocs_threads %d\n", want))
	p.stop()
}
