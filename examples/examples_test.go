package examples_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/cli"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// commands are the lines of a README that call troupe.
func commands(t *testing.T, file string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var found [][]string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "troupe" {
			found = append(found, words[1:])
		}
	}
	return found
}

// The commands of each README, one after another, with another broker's addresses.
func TestReadmesDoWhatTheySay(t *testing.T) {
	// The files are named as the reader names them, who is in their folder.
	for _, format := range []string{"avro", "protobuf", "jsonschema"} {
		t.Run(format, func(t *testing.T) {
			t.Chdir(format)
			follow(t, commands(t, "README.md"))
		})
	}
}

func follow(t *testing.T, all [][]string) {
	t.Helper()
	require.Len(t, all, 4)
	broker, registry, stop := startBroker(t, all[0])
	env := map[string]string{"KAFKA_BROKERS": broker, "REGISTRY_URL": registry, "ADMIN_LISTEN": "off"}
	run := func(ctx context.Context, args []string) (code int, told string) {
		var out strings.Builder
		here := strings.NewReplacer("http://localhost:8081", registry, "localhost:9092", broker)
		for i := range args {
			args[i] = here.Replace(args[i])
		}
		lookup := func(name string) (string, bool) { value, set := env[name]; return value, set }
		code = cli.Main(ctx, args, lookup, strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	code, told := run(t.Context(), all[1])
	require.Zero(t, code, told)
	require.Equal(t, "4 records acknowledged\n", told)
	code, told = run(t.Context(), all[2])
	require.Zero(t, code, told)
	require.Equal(t, "orders.yaml: no faults\n", told)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, told = run(ctx, all[3])
	}()
	reader, err := embedded.NewReader(broker)
	require.NoError(t, err)
	var enriched, letters []stream.Record
	require.Eventually(t, func() bool {
		enriched, letters = read(t, reader, "orders.enriched"), read(t, reader, "orders.dead-letter")
		return len(enriched) >= 2 && len(letters) >= 1
	}, time.Minute, 50*time.Millisecond, "the results do not come")
	cancel()
	<-ended
	require.Zero(t, code, told)
	reader.Close()
	require.Zero(t, stop())

	require.Len(t, enriched, 2)
	require.Len(t, letters, 1)
	letter, err := deadletter.Restore(letters[0].Key, letters[0].Value, letters[0].Headers)
	require.NoError(t, err)
	require.Equal(t, "permanent", letter.Failure.Reason)
	require.Equal(t, "eve", string(letter.Record.Key))
}

// startBroker runs the broker on free ports.
func startBroker(t *testing.T, args []string) (kafka, registry string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, to := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		none := func(string) (string, bool) { return "", false }
		ended <- cli.Main(ctx, append(args, "--kafka-port", "0", "--registry-port", "0"), none, strings.NewReader(""), to, io.Discard)
		_ = to.Close()
	}()
	lines := bufio.NewScanner(out)
	for _, address := range []*string{&kafka, &registry} {
		require.True(t, lines.Scan())
		*address = strings.Fields(lines.Text())[1]
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return kafka, registry, func() int {
		cancel()
		return <-ended
	}
}

// read gives what lies in a topic; nothing where there is none.
func read(t *testing.T, reader *embedded.Reader, topic string) (all []stream.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	found, err := reader.Read(ctx, topic)
	if err != nil {
		return nil
	}
	for _, records := range found {
		all = append(all, records...)
	}
	return all
}
