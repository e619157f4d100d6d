package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/pipeline"
)

// lintOptions are the flags of 'troupe lint'.
type lintOptions struct {
	file    string
	set     *[]string
	connect bool
	timeout time.Duration
	output  *choice
}

func newLintCommand(a *app) *cobra.Command {
	var o lintOptions
	cmd := &cobra.Command{
		Use:   "lint FILE",
		Short: "Check a pipeline's file and tell all that is wrong with it",
		Long: "lint checks a pipeline's file, or standard input where FILE is -, as run does, but connects to nothing.\n" +
			"Every fault has a line of its own: file:line:column: key: what is wrong. It exits 2 when there is one.\n\n" +
			"With --connect it then finds out whether what the file names is there: the brokers, the topics of input and output,\n" +
			"that for dead letters unless it is created, the group, the schema registry, and the schemas of the output. It changes\n" +
			"nothing, and exits 1 when something is missing.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return a.lint(cmd.Context(), o)
		},
	}
	o.set = setFlag(cmd)
	cmd.Flags().BoolVar(&o.connect, "connect", false, "also ask the brokers and the schema registry")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for them")
	o.output = outputFlag(cmd, "table", "json")
	return cmd
}

func (a *app) lint(ctx context.Context, o lintOptions) error {
	if o.timeout < time.Millisecond {
		return misuse(fmt.Errorf("--timeout must be at least 1ms, and is %s", o.timeout))
	}
	missing, err := a.check(ctx, o)
	switch {
	case o.output.value == "json":
		return a.printFaults(o.file, missing, err)
	case err == nil && len(missing) == 0:
		fmt.Fprintf(a.stdout, "%s: no faults\n", o.file)
	case err == nil:
		a.report(missing)
		return errReported
	}
	return err
}

// check finds what is wrong with a configuration, by its own rules and by the processor's; that is the error. Where there is
// nothing it finds out, if asked to, what is missing in the world outside.
func (a *app) check(ctx context.Context, o lintOptions) (missing pipeline.Faults, err error) {
	silent := slog.New(slog.DiscardHandler)
	p, err := a.configuration(o.file, *o.set, io.Discard, silent)
	if err != nil {
		return nil, err
	}
	config := p.Config()
	if _, err = troupe.New(config); err == nil && o.connect {
		ctx, release := a.interruptible(ctx)
		defer release()
		outside := surroundings{pipeline: p, config: config, timeout: o.timeout}
		missing = outside.check(ctx)
	}
	return missing, errors.Join(err, p.Close())
}

// printFaults prints the faults as one JSON object; there may be none. The error is about the file, what is missing is not.
func (a *app) printFaults(file string, missing pipeline.Faults, err error) error {
	faults := missing
	var config *troupe.ConfigError
	switch {
	case err == nil:
	case errors.As(err, &faults):
	case errors.As(err, &config):
		for _, f := range config.Faults {
			faults = append(faults, pipeline.Fault{File: file, Path: f.Field, Message: f.Message})
		}
	default:
		return err
	}
	encoder := json.NewEncoder(a.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	answer := struct {
		File   string          `json:"file"`
		Faults pipeline.Faults `json:"faults"`
	}{file, append(pipeline.Faults{}, faults...)}
	if encodeErr := encoder.Encode(answer); encodeErr != nil {
		return fmt.Errorf("printing the faults: %w", encodeErr)
	}
	switch {
	case err != nil:
		return misuse(errReported)
	case len(missing) > 0:
		return errReported
	}
	return nil
}
