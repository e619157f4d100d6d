package pipeline

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files and the reference anew")

// TestFaultsReadAsTheGoldenFilesSay holds every fault to its exact words and place.
func TestFaultsReadAsTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("testdata/lint/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, source := range sources {
		t.Run(strings.TrimSuffix(filepath.Base(source), ".yaml"), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(source)
			require.NoError(t, err)
			_, err = Load(filepath.Base(source), src, Options{
				Getenv: env(), ReadFile: files("/secret", "hunter2\n", "good.avsc", moneyAvro, "broken.avsc", `{"type":"recrod"}`,
					"order.proto", `syntax = "proto3"; package shop; message Order {}`),
			})
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hunter2")
			golden := strings.TrimSuffix(source, ".yaml") + ".txt"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600))
			}
			want, readErr := os.ReadFile(golden)
			require.NoError(t, readErr)
			require.Equal(t, string(want), err.Error()+"\n")
		})
	}
}
