package interop

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
)

// level sets the compatibility of a subject.
func (w *world) level(subject, level string) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, w.url+"/config/"+url.PathEscape(subject),
		strings.NewReader(`{"compatibility":"`+level+`"}`))
	require.NoError(w.t, err)
	request.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	require.NoError(w.t, err)
	require.NoError(w.t, answer.Body.Close())
	require.Equal(w.t, http.StatusOK, answer.StatusCode)
}

// A schema that Python may not register after its own, troupe may not either, and says what to do.
func TestRefusedCompatibility(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const first = `{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}`
	const compatible = `{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "int", "default": 0}]}`
	const incompatible = `{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "int"}]}`
	topic := w.name
	w.topics(topic)
	task := func(schema, value string) job {
		return job{Topic: topic, Format: formatAvro, Registry: w.url, Schema: schema, Values: []json.RawMessage{json.RawMessage(value)}}
	}
	require.Empty(t, python.produce(t, []job{task(first, `{"a": "x"}`)})[0].Error)
	subject := topic + "-value"
	w.level(subject, "BACKWARD")
	require.Contains(t, python.produce(t, []job{task(incompatible, `{"a": "x", "b": 1}`)})[0].Error, "409")

	prepare := func(schema string) error {
		writer, err := w.writer(formatAvro, codec.Writing{Draft: &registry.Schema{Text: schema}, Register: true})
		require.NoError(t, err)
		return writer.Prepare(t.Context(), codec.Target{Topic: topic, Side: wire.Value})
	}
	err := prepare(incompatible)
	var rejected *registry.RejectedError
	require.ErrorAs(t, err, &rejected)
	require.True(t, rejected.Incompatible)
	require.Equal(t, subject, rejected.Subject)
	require.ErrorContains(t, err, "encode avro: the schema is not compatible with the versions of subject "+subject+" that are registered")
	require.ErrorContains(t, err, "change the schema, or the subject's compatibility level")
	require.False(t, codec.Unavailable(err), "waiting would not help")
	requireProduceIsRefused(t, w, topic, incompatible)
	require.NoError(t, prepare(compatible))
	require.Empty(t, python.produce(t, []job{task(compatible, `{"a": "x", "b": 1}`)})[0].Error)
	compared.add("compatibility", toPython, 2)
}

// `troupe produce` is refused before it writes anything.
func requireProduceIsRefused(t *testing.T, w *world, topic, schema string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "schema.avsc")
	require.NoError(t, os.WriteFile(file, []byte(schema), 0o600))
	binary, err := program()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), binary, "produce", topic, "--brokers", w.brokers, "--registry", w.url,
		"--format", formatAvro, "--schema", file, "--register")
	command.Stdin = strings.NewReader(`{"a": "x", "b": 1}`)
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, string(out))
	require.Equal(t, 1, exit.ExitCode(), string(out))
	require.Contains(t, string(out), "the schema is not compatible with the versions of subject "+topic+"-value")
	require.NotContains(t, string(out), "1 record acknowledged")
}
