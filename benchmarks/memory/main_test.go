package memory_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/benchmarks/memory"
)

// TestMain lets the test binary be each of the processes that a measurement starts.
func TestMain(m *testing.M) {
	task, is, err := memory.ParseTask(os.Args[1:])
	if !is {
		goleak.VerifyTestMain(m)
		return
	}
	if err == nil {
		err = task.Do(context.Background(), os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
