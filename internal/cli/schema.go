package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/pipeline"
)

func newSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of pipeline files",
		Long:  "schema prints the JSON Schema (draft 2020-12) that run and lint check with. Editors complete and check by it.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := a.stdout.Write(pipeline.Schema()); err != nil {
				return fmt.Errorf("printing the schema: %w", err)
			}
			return nil
		},
	}
}
