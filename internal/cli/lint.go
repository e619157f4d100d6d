package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/pipeline"
)

func newLintCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lint FILE",
		Short: "Check a pipeline's file and tell all that is wrong with it",
		Long: "lint checks a pipeline's file, or standard input where FILE is -, as run does, but connects to nothing.\n" +
			"Every fault has a line of its own: file:line:column: key: what is wrong. It exits 2 when there is one.",
		Args: cobra.ExactArgs(1),
	}
	set, output := setFlag(cmd), outputFlag(cmd, "table", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		err := a.check(args[0], *set)
		if output.value == "json" {
			return a.printFaults(args[0], err)
		}
		if err == nil {
			fmt.Fprintf(a.stdout, "%s: no faults\n", args[0])
		}
		return err
	}
	return cmd
}

// check finds what is wrong with a configuration, by its own rules and by the processor's.
func (a *app) check(file string, set []string) error {
	silent := slog.New(slog.DiscardHandler)
	p, err := a.configuration(file, set, io.Discard, silent)
	if err != nil {
		return err
	}
	_, err = troupe.New(p.Config())
	return errors.Join(err, p.Close())
}

// printFaults prints the faults as one JSON object; there may be none.
func (a *app) printFaults(file string, err error) error {
	var (
		faults pipeline.Faults
		config *troupe.ConfigError
	)
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
	if err != nil {
		return misuse(errReported)
	}
	return nil
}
