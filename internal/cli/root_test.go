package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/pipeline"
)

// result is what a command did.
type result struct {
	code           int
	stdout, stderr string
}

// call runs a command without an environment.
func call(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return callWith(t, nil, stdin, args...)
}

// callWith runs a command with an environment of its own.
func callWith(t *testing.T, env map[string]string, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	lookup := func(name string) (string, bool) { value, set := env[name]; return value, set }
	code := Main(t.Context(), args, lookup, strings.NewReader(stdin), &stdout, &stderr)
	return result{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

func TestMisuseExitsWithTwoAndPointsToTheHelp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"unknown command":      {[]string{"rnu"}, `unknown command "rnu", did you mean run?`},
		"far from any command": {[]string{"frobnicate"}, `unknown command "frobnicate"`},
		"unknown shell":        {[]string{"completion", "tcsh"}, `unknown command "tcsh"`},
		"unknown flag":         {[]string{"lint", "--strict"}, "unknown flag: --strict"},
		"too few arguments":    {[]string{"lint"}, "accepts 1 arg(s), received 0"},
		"too many arguments":   {[]string{"version", "1"}, "1"},
		"no such format":       {[]string{"version", "--output", "xml"}, "must be table or json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := call(t, "", c.args...)
			require.Equal(t, 2, r.code)
			require.Contains(t, r.stderr, c.says)
			require.Contains(t, r.stderr, "--help'\n")
			require.Empty(t, r.stdout)
		})
	}
}

func TestInitWritesWhatLintAcceptsAndOverwritesOnlyByForce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	require.Equal(t, 0, call(t, "", "init", file).code)
	require.Equal(t, result{stdout: file + ": no faults\n"}, call(t, "", "lint", file))
	require.Equal(t, result{stdout: file + ": no faults\n"}, call(t, "", "lint", file, "--output", "table"))

	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	r := call(t, "", "init", file)
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "--force")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))

	require.Equal(t, 0, call(t, "", "init", file, "--force").code)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(pipeline.Starter()), string(written))
	require.Equal(t, string(pipeline.Starter()), call(t, "", "init", "-").stdout)
}

func TestLintReadsStandardInputAndTellsEveryFault(t *testing.T) {
	t.Parallel()
	source := strings.NewReplacer("group.id:", "group.idd:", "format: json ", "format: jason ").Replace(string(pipeline.Starter()))
	r := call(t, source, "lint", "-")
	require.Equal(t, 2, r.code)
	require.Empty(t, r.stdout)
	require.Contains(t, r.stderr, `kafka.group.idd: there is no such property, did you mean "group.id"?`)
	require.Contains(t, r.stderr, `input.format: "jason"`)
	for line := range strings.SplitSeq(strings.TrimSpace(r.stderr), "\n") {
		require.Regexp(t, `^standard input:\d+:\d+: `, line)
	}

	r = call(t, source, "lint", "-", "--output", "json")
	require.Equal(t, 2, r.code)
	require.Empty(t, r.stderr)
	var answer struct{ Faults []pipeline.Fault }
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &answer))
	require.GreaterOrEqual(t, len(answer.Faults), 2)
}

func TestLintTakesValuesFromFlags(t *testing.T) {
	t.Parallel()
	r := call(t, string(pipeline.Starter()), "lint", "-", "--set", "concurrency=many", "--set", "retry.jitter=0.5")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "--set concurrency")
	require.NotContains(t, r.stderr, "jitter")
}

func TestLintOfGoodFileAsJSONHasNoFaults(t *testing.T) {
	t.Parallel()
	r := call(t, string(pipeline.Starter()), "lint", "-", "--output", "json")
	require.Equal(t, 0, r.code)
	require.JSONEq(t, `{"file": "-", "faults": []}`, r.stdout)
}

func TestSchemaAndVersionArePrinted(t *testing.T) {
	t.Parallel()
	require.Equal(t, result{stdout: string(pipeline.Schema())}, call(t, "", "schema"))
	require.Regexp(t, `^troupe \S+ \(go`, call(t, "", "version").stdout)
	require.Equal(t, call(t, "", "version"), call(t, "", "version", "--output", "table"))
	var b build
	require.NoError(t, json.Unmarshal([]byte(call(t, "", "version", "--output", "json").stdout), &b))
	require.NotEmpty(t, b.Version)
	require.NotEmpty(t, b.Go)
}

func TestCompletionIsPrinted(t *testing.T) {
	t.Parallel()
	r := call(t, "", "completion", "bash")
	require.Equal(t, 0, r.code)
	require.Contains(t, r.stdout, "troupe")
}

func TestOutputFileThatCannotBeOpenedFailsTheRun(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing", "out.jsonl")
	r := call(t, string(pipeline.Starter()), "run", "-", "--set", "output={file: {path: "+missing+"}}")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, missing)
}

func TestExitCodesOfErrors(t *testing.T) {
	t.Parallel()
	require.Equal(t, 0, exitCode(nil))
	require.Equal(t, 1, exitCode(errors.New("anything")))
	require.Equal(t, 2, exitCode(misuse(errors.New("anything"))))
	require.Equal(t, 2, exitCode(pipeline.Faults{{Message: "wrong"}}))
	require.NoError(t, misuse(nil))
}
