package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/embedded"
)

// startBroker runs 'troupe broker' and gives its Kafka address, and a function that stops it and gives the exit code.
func startBroker(t *testing.T, args ...string) (address string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, to := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		none := func(string) (string, bool) { return "", false }
		args := append([]string{"broker", "--kafka-port", "0", "--registry-port", "0"}, args...)
		ended <- Main(ctx, args, none, strings.NewReader(""), to, io.Discard)
		_ = to.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return strings.TrimSpace(strings.TrimPrefix(line, "Kafka")), func() int {
		cancel()
		select {
		case code := <-ended:
			return code
		case <-time.After(20 * time.Second):
			require.Fail(t, "the broker does not stop")
			return -1
		}
	}
}

func TestBrokerKeepsItsDataInAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	address, stop := startBroker(t, "--data", dir, "--topics", "orders:3,other")
	r := call(t, "{}\n{}\n", "produce", "orders", "--brokers", address)
	require.Zero(t, r.code, r.stderr)
	require.Zero(t, stop())

	address, stop = startBroker(t, "--data", dir)
	reader, err := embedded.NewReader(address)
	require.NoError(t, err)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ends, err := reader.Ends(ctx, "orders", "other")
	require.NoError(t, err)
	total := int64(0)
	for _, end := range ends {
		total += end
	}
	require.Equal(t, int64(2), total)
	require.Len(t, ends, 3+embeddedPartitions)
	require.Zero(t, stop())
}

func TestBrokerTellsItsAddressesAsJSON(t *testing.T) {
	t.Parallel()
	line, stop := startBroker(t, "--memory", "--output", "json")
	var at struct{ Kafka, Registry string }
	require.NoError(t, json.Unmarshal([]byte(line), &at))
	require.Regexp(t, `^127\.0\.0\.1:\d+$`, at.Kafka)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, at.Registry)
	require.NotContains(t, line, "data")
	require.Zero(t, stop())
}

func TestBrokersDoNotShareAFolder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no lock on the folder there")
	}
	dir := t.TempDir()
	_, stop := startBroker(t, "--data", dir)
	r := call(t, "", "broker", "--kafka-port", "0", "--registry-port", "0", "--data", dir)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "another broker keeps its data there")
	require.Zero(t, stop())
	_, stop = startBroker(t, "--data", dir)
	require.Zero(t, stop())
}

func TestBrokerRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--topics", "orders:x"},
		{"--topics", "orders:0"},
		{"--topics", ":3"},
		{"--topics", "a:1,a:2"},
		{"--kafka-port", "70000"},
		{"--memory", "--data", "x"},
		{"surplus"},
	} {
		r := call(t, "", append([]string{"broker"}, args...)...)
		require.Equal(t, 2, r.code, "%v: %s", args, r.stderr)
		require.NotEmpty(t, r.stderr)
	}
}

func TestBrokerInMemoryStopsCleanly(t *testing.T) {
	t.Parallel()
	_, stop := startBroker(t, "--memory")
	require.Zero(t, stop())
}
