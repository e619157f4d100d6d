package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/pipeline"
)

// configurationBytesMax bounds what is read of a configuration: a wrong name should not fill the memory.
const configurationBytesMax = 16 << 20

// standardInput is the name of a file that means standard input.
const standardInput = "-"

// setFlag adds --set.
func setFlag(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringArray("set", nil, "override a value of the file, like retry.max_attempts=5; may be repeated")
}

// configuration reads the file. Without faults, the pipeline logs to the logger.
func (a *app) configuration(file string, set []string, stdout io.Writer, logger *slog.Logger) (*pipeline.Pipeline, error) {
	source, err := a.read(file)
	if err != nil {
		return nil, err
	}
	if file == standardInput {
		file = "standard input"
	}
	return pipeline.Load(file, source, pipeline.Options{Set: set, Getenv: a.env, Stdout: stdout, Logger: logger})
}

func (a *app) read(file string) ([]byte, error) {
	from := io.NopCloser(a.stdin)
	if file != standardInput {
		f, err := os.Open(file)
		if err != nil {
			return nil, unread(file, err)
		}
		from = f
	}
	source, err := io.ReadAll(io.LimitReader(from, configurationBytesMax+1))
	if err = errors.Join(err, from.Close()); err != nil {
		return nil, unread(file, err)
	}
	if len(source) > configurationBytesMax {
		return nil, unread(file, fmt.Errorf("more than %d MiB, which is no configuration", configurationBytesMax>>20))
	}
	return source, nil
}
