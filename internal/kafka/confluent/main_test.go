package confluent_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets many tests run at once whatever the number of cores: they wait for rebalances and time-outs.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		os.Exit(2)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction( // a consumer that cannot be closed: see closeFatal
		"github.com/troupe-go/troupe/internal/kafka/confluent.(*consumer).destroy.func1"))
}
