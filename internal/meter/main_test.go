package meter

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// update is set by go generate: write docs/metrics.md instead of comparing with it.
var update = flag.Bool("update", false, "write generated files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
