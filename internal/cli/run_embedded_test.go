package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/embedded"
)

func TestRunEmbeddedUsesARegistryOfItsOwn(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out.jsonl")
	schema := written(t, "order.avsc", orderSchema)
	file := written(t, "p.yaml", `kafka: {bootstrap.servers: "127.0.0.1:1", group.id: g}
registry: {url: "https://127.0.0.1:1", username: ada, password: secret}
input: {topics: [orders], format: avro}
steps: [{map: '{id, price}'}]
output: {kafka: {topic: results, format: avro, schema: {file: "`+schema+`", register: true}}}
log: {format: json}
admin: {listen: "off"}
`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	logged, to := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		none := func(string) (string, bool) { return "", false }
		ended <- Main(ctx, []string{"run", "--embedded", file, "--events", out}, none, strings.NewReader(""), io.Discard, to)
		_ = to.Close()
	}()
	var at struct {
		Msg      string
		Kafka    string `json:"bootstrap.servers"`
		Registry string
	}
	lines := bufio.NewScanner(logged)
	for at.Registry == "" {
		require.True(t, lines.Scan(), "the log has ended")
		require.NoError(t, json.Unmarshal(lines.Bytes(), &at), lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, logged) }()
	require.Equal(t, "the embedded broker is ready", at.Msg)

	r := call(t, `{"id": 9007199254740993, "who": "ada", "price": 12.30}`, "produce", "orders", "--brokers", at.Kafka,
		"--registry", at.Registry, "--format", "avro", "--schema", schema, "--register")
	require.Equal(t, result{0, "1 record acknowledged\n", ""}, r)
	reader, err := embedded.NewReader(at.Kafka)
	require.NoError(t, err)
	defer reader.Close()
	var value []byte
	require.Eventually(t, func() bool {
		found, err := reader.Read(t.Context(), "results")
		require.NoError(t, err)
		for _, records := range found {
			value = records[0].Value
		}
		return value != nil
	}, 30*time.Second, 50*time.Millisecond)
	_, body := unframed(t, value)
	require.Equal(t, int64(9007199254740993), decoded(t, orderSchema, body)["id"])
	cancel()
	require.Zero(t, <-ended)
}
