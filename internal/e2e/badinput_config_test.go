package e2e

import (
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inFile replaces words of the pipeline's file.
func (w *world) inFile(pairs ...string) {
	w.t.Helper()
	text := strings.NewReplacer(pairs...).Replace(pipelineFile)
	require.NotEqual(w.t, pipelineFile, text)
	require.NoError(w.t, os.WriteFile(w.file, []byte(text), 0o600))
}

func TestFaultsOfTheFileAreToldTogetherWithTheirPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.inFile("retry: {jitter: 0}", "retry: {jitter: 0, max_attemps: 3}", "heartbeat.interval.ms", "hartbeat.interval.ms",
		"log: {format: json}", "log: {format: jason}")
	for _, command := range []string{"run", "lint"} {
		p := w.start(command, w.file)
		require.Equal(t, 2, p.exit(), command)
		lines := strings.Split(strings.TrimSpace(p.log()), "\n")
		require.Len(t, lines, 3, p.log())
		require.Equal(t, w.file+`:5:3: kafka.hartbeat.interval.ms: there is no such property, did you mean "heartbeat.interval.ms"?`, lines[0])
		require.Equal(t, w.file+`:12:20: retry.max_attemps: unknown key, did you mean "max_attempts"?`, lines[1])
		require.Equal(t, w.file+`:14:15: log.format: "jason" is none of auto, text, json, did you mean "json"?`, lines[2])
	}
}

func TestLintSaysTheSameAsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.inFile("format: json\n", "format: jason\n")
	p := w.start("lint", w.file, "--output", "json")
	require.Equal(t, 2, p.exit())
	var answer struct {
		Faults []struct {
			Line, Column int
			Path         string
			Message      string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(p.log(), "on standard output: ", "")), &answer))
	require.Len(t, answer.Faults, 1)
	require.Equal(t, 8, answer.Faults[0].Line)
	require.Equal(t, "input.format", answer.Faults[0].Path)
}

func TestMisuseExitsWithTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"rnu", w.file}, `unknown command "rnu", did you mean run?`},
		{[]string{"run", w.file, "--evnts", "-"}, "unknown flag: --evnts"},
		{[]string{"run"}, "accepts 1 arg(s), received 0"},
		{[]string{"run", w.file + ".missing"}, "no such file"},
		{[]string{"run", w.file, "--set", "concurency=3"}, `did you mean "concurrency"?`},
		{[]string{"lint", w.file, "--output", "xml"}, "must be table or json"},
	} {
		p := w.start(c.args...)
		require.Equal(t, 2, p.exit(), "%v", c.args)
		require.Contains(t, p.log(), c.says)
	}
}

func TestPortInUseIsAnErrorBeforeAnythingIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	p := w.run("--set", "admin.listen="+taken.Addr().String())
	require.Equal(t, 1, p.exit())
	require.Contains(t, p.log(), taken.Addr().String())
	require.Contains(t, p.log(), "admin.listen")
	require.Contains(t, p.log(), "in use")
	require.Empty(t, p.eventsOf("assigned"))
}
