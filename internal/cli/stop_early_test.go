package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// pipelineOfTheChild is the environment variable that makes this test the program, in a process of its own.
const pipelineOfTheChild = "TROUPE_TEST_STOPPED_EARLY"

// impatient stops the process as soon as it says that it answers.
type impatient struct{ bytes.Buffer }

func (i *impatient) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("answering admin requests")) {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return 0, err
		}
	}
	return i.Buffer.Write(line)
}

func TestSignalIsHeededFromTheFirstAnswerOn(t *testing.T) {
	t.Parallel()
	if file := os.Getenv(pipelineOfTheChild); file != "" {
		stderr := &impatient{}
		code := Main(t.Context(), []string{"run", file}, os.LookupEnv, &bytes.Buffer{}, os.Stdout, stderr)
		_, _ = os.Stderr.Write(stderr.Bytes())
		os.Exit(code)
	}
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`kafka: {bootstrap.servers: "127.0.0.1:1", group.id: early}
input: {topics: [orders]}
output: {drop: {}}
admin: {listen: "127.0.0.1:0"}
log: {format: json}
`), 0o600))
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), pipelineOfTheChild+"="+file)
	output, err := child.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "stopping")
}
