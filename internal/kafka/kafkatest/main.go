package kafkatest

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, this many at once whatever the number of cores: they wait for rebalances and
// time-outs.
func Main(m *testing.M, parallel int, options ...goleak.Option) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil {
		os.Exit(2)
	}
	goleak.VerifyTestMain(m, options...)
}
