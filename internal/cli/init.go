package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/pipeline"
)

const starterFile = "troupe.yaml"

func newInitCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented file to start from",
		Long:  "init writes a commented pipeline to FILE (" + starterFile + " unless given; - is standard output).",
		Args:  cobra.MaximumNArgs(1),
	}
	force := cmd.Flags().Bool("force", false, "overwrite FILE where it exists")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		file := starterFile
		if len(args) > 0 {
			file = args[0]
		}
		return a.writeStarter(file, *force)
	}
	return cmd
}

func (a *app) writeStarter(file string, force bool) error {
	if file == "-" {
		if _, err := a.stdout.Write(pipeline.Starter()); err != nil {
			return fmt.Errorf("printing the starter file: %w", err)
		}
		return nil
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return misuse(fmt.Errorf("%s exists; overwrite it with --force", file))
	}
	if err != nil {
		return fmt.Errorf("writing the starter file: %w", err)
	}
	_, err = f.Write(pipeline.Starter())
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the starter file: %w", err)
	}
	fmt.Fprintf(a.stderr, "wrote %s; next: troupe lint %s, then troupe run %s\n", file, file, file)
	return nil
}
