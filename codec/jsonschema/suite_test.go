package jsonschema

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOfficialSuite runs the JSON Schema Test Suite, which is not part of this repository: the variable names a copy of
// its folder.
func TestOfficialSuite(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("JSON_SCHEMA_TEST_SUITE")
	if dir == "" {
		t.Skip("JSON_SCHEMA_TEST_SUITE does not name a copy of github.com/json-schema-org/JSON-Schema-Test-Suite")
	}
	for draft, dialect := range map[string]string{
		"draft4":       "http://json-schema.org/draft-04/schema#",
		"draft6":       "http://json-schema.org/draft-06/schema#",
		"draft7":       "http://json-schema.org/draft-07/schema#",
		"draft2019-09": "https://json-schema.org/draft/2019-09/schema",
		"draft2020-12": "https://json-schema.org/draft/2020-12/schema",
	} {
		remotes := suiteRemotes(t, dir, draft)
		files, err := filepath.Glob(filepath.Join(dir, "tests", draft, "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range append(files, filepath.Join(dir, "tests", draft, "optional", "bignum.json")) {
			t.Run(draft+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				runSuiteFile(t, file, dialect, remotes)
			})
		}
	}
}

func runSuiteFile(t *testing.T, file, dialect string, remotes []Reference) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var groups []struct {
		Description string
		Schema      json.RawMessage
		Tests       []struct {
			Description string
			Data        json.RawMessage
			Valid       bool
		}
	}
	require.NoError(t, json.Unmarshal(text, &groups))
	for _, group := range groups {
		schema := string(group.Schema)
		if strings.HasPrefix(schema, "{") && !strings.Contains(schema, `"$schema":`) {
			schema = `{"$schema": "` + dialect + `", ` + schema[1:]
			schema = strings.Replace(schema, ", }", "}", 1)
		}
		references := remotes
		if !strings.Contains(schema, "localhost") && !strings.Contains(schema, `"$ref"`) && !strings.Contains(schema, `"$dynamicRef"`) {
			references = nil
		}
		s, err := Parse(schema, references, Limits{SchemaNodes: 20_000})
		if !assertNoError(t, err, group.Description) {
			continue
		}
		for _, c := range group.Tests {
			err := s.Check(c.Data)
			if (err == nil) != c.Valid {
				t.Errorf("%s: %s: want valid %v, got %v\n%s\n%s", group.Description, c.Description, c.Valid, err, schema, c.Data)
			}
		}
	}
}

func assertNoError(t *testing.T, err error, what string) bool {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	return err == nil
}

// suiteRemotes has the schemas that the suite expects at localhost:1234.
func suiteRemotes(t *testing.T, dir, draft string) []Reference {
	t.Helper()
	var out []Reference
	root := filepath.Join(dir, "remotes")
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		name, err := filepath.Rel(root, path)
		require.NoError(t, err)
		if entry.IsDir() {
			if first := strings.Split(filepath.ToSlash(name), "/")[0]; strings.HasPrefix(first, "draft") && first != draft {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		if strings.Contains(string(text), "$dynamicRef") && draft != "draft2020-12" {
			return nil // no schema of the other drafts
		}
		out = append(out, Reference{Name: "http://localhost:1234/" + filepath.ToSlash(name), Text: string(text)})
		return nil
	}))
	return out
}
