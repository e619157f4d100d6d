package pipeline

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReferenceIsUpToDate(t *testing.T) {
	t.Parallel()
	const path = "../docs/configuration.md"
	if *update {
		require.NoError(t, os.MkdirAll("../docs", 0o755))
		require.NoError(t, os.WriteFile(path, Reference(), 0o644))
	}
	committed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(committed), string(Reference()), "docs/configuration.md is stale: run 'go generate ./pipeline'")
}

func TestReferenceNamesEveryTopLevelKey(t *testing.T) {
	t.Parallel()
	require.Equal(t, rootSchema().names(), slices.Sorted(slices.Values(readingOrder())))
}

func TestSchemaIsJSON(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &schema))
	require.Equal(t, "https://json-schema.org/draft/2020-12/schema", schema["$schema"])
}
