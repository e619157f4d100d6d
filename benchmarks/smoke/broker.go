package smoke

import (
	"fmt"
	"io"

	"github.com/troupe-go/troupe/benchmarks/harness"
	"github.com/troupe-go/troupe/internal/embedded"
)

// serve runs the broker until the parent process dismisses it.
func serve(load Load, input io.Reader, output io.Writer) error {
	broker, err := embedded.Start(embedded.Options{
		NoRegistry: true, Topics: map[string]int32{topic: load.Partitions},
		Synthetic: &embedded.Synthetic{RecordBytes: load.RecordBytes},
	})
	if err != nil {
		return err
	}
	if err := harness.Reply(output, broker.Bootstrap()); err != nil {
		return err
	}
	harness.Dismissed(input)
	if err := broker.Close(); err != nil {
		return fmt.Errorf("close the broker: %w", err)
	}
	return nil
}
