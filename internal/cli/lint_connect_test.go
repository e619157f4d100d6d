package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka/clients"
	"github.com/troupe-go/troupe/pipeline"
)

// connected is a pipeline in Avro that reads orders and writes results.
func connected(t *testing.T, brokers, registry, more string) (file string) {
	t.Helper()
	return written(t, "p.yaml", fmt.Sprintf(`kafka: {bootstrap.servers: "%s", group.id: g}
registry: {url: "%s"}
input: {topics: [orders], format: avro}
output:
  kafka:
    topic: results
    format: avro
%s`, brokers, registry, more))
}

func TestLintConnectsToWhatTheFileNames(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	file := connected(t, c.broker.Bootstrap(), c.broker.RegistryURL(), "dead_letter: {topic: dead, create: false}\n")

	r := call(t, "", "lint", file)
	require.Equal(t, result{0, file + ": no faults\n", ""}, r, "it connects to nothing unless asked to")

	r = call(t, "", "lint", file, "--connect")
	at := c.broker.RegistryURL()
	require.Equal(t, result{1, "", "" +
		file + ":6:5: output.kafka.schema: the values of topic results have no schema: the latest schema of subject results-value is not in " +
		"the registry: " + at + ` answers HTTP 404, code 40401: subject "results-value" not found; register it, or give it as file with ` +
		"register: true\n" +
		file + ":6:12: output.kafka.topic: topic results does not exist: create it\n" +
		file + ":8:22: dead_letter.topic: topic dead does not exist: create it, or set dead_letter.create: true\n"}, r)

	r = call(t, "", "lint", file, "--connect", "--output", "json")
	require.Equal(t, 1, r.code)
	require.Empty(t, r.stderr)
	var told struct {
		File   string
		Faults pipeline.Faults
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &told))
	require.Equal(t, file, told.File)
	require.Len(t, told.Faults, 3)

	for _, topic := range []string{"results", "dead"} {
		r = c.troupe("", "produce", topic, "--create", "1")
		require.Zero(t, r.code, r.stderr)
	}
	r = c.produce("", "--format", "avro", "--subject", "results-value", "--schema", written(t, "order.avsc", orderSchema), "--register")
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, result{0, file + ": no faults\n", ""}, call(t, "", "lint", file, "--connect"))
}

func TestLintConnectFindsSchemasThatDoNotFit(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	require.Zero(t, c.troupe("", "produce", "results", "--create", "1").code)
	schema := written(t, "order.avsc", orderSchema)
	file := connected(t, c.broker.Bootstrap(), c.broker.RegistryURL(), "    schema: {file: "+schema+"}\n")
	r := call(t, "", "lint", file, "--connect")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, file+":8:14: output.kafka.schema: the values of topic results have no schema: this schema under subject results-value ")

	r = call(t, "", "lint", file, "--connect", "--set", "output.kafka.schema.register=true")
	require.Zero(t, r.code, "run registers it: %s", r.stderr)

	r = c.produce("", "--format", "avro", "--schema", schema, "--register", "--subject", "results-value")
	require.Zero(t, r.code, r.stderr)
	r = call(t, "", "lint", file, "--connect")
	require.Zero(t, r.code, r.stderr)

	r = call(t, "", "lint", file, "--connect", "--set", "output.kafka.format=jsonschema", "--set", "output.kafka.schema={subject: results-value}")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "its type in the registry is AVRO, which format jsonschema cannot read")
}

func TestLintConnectTellsThatNothingMatchesAPattern(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	file := connected(t, c.broker.Bootstrap(), c.broker.RegistryURL(), "    schema: {id: 7, wire: header}\n")
	for pattern, says := range map[string]string{
		"^ord.*": "",
		"^sales": ": input.topics.0: no topic matches ^sales",
	} {
		r := call(t, "", "lint", file, "--connect", "--set", "input.topics=["+pattern+"]")
		require.Equal(t, 1, r.code)
		require.Contains(t, r.stderr, "output.kafka.topic: topic results does not exist")
		require.Contains(t, r.stderr, "schema id 7 is not in the registry")
		require.Contains(t, r.stderr, says)
		require.Equal(t, says == "", !strings.Contains(r.stderr, "input.topics"))
	}
}

func TestLintConnectIsBounded(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	address := silent.Addr().String()
	file := connected(t, address, "http://"+address, "")
	began := time.Now()
	r := call(t, "", "lint", file, "--connect", "--timeout", "500ms")
	require.Equal(t, 1, r.code)
	require.Less(t, time.Since(began), 20*time.Second)
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	require.Len(t, lines, 2, r.stderr)
	require.Contains(t, lines[0], file+":1:28: kafka.bootstrap.servers: no answer from "+address+" within 500ms: ")
	require.Contains(t, lines[1], file+":2:17: registry.url: registry is unavailable: ask http://"+address+" for its subjects: ")

	require.Equal(t, 2, call(t, "", "lint", file, "--connect", "--timeout", "0s").code)
	r = call(t, "", "lint", file, "--connect", "--set", "concurrency=many")
	require.Equal(t, 2, r.code, "a file that is wrong is not tried: %s", r.stderr)
	require.NotContains(t, r.stderr, "registry")
}

func TestLintConnectTellsWhatIsForbidden(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{
		Topics: map[string]int32{"orders": 1, "results": 1},
		Users: []embedded.User{
			{Name: "root", Password: "secret", Super: true},
			{Name: "clerk", Password: "pass", Allow: []embedded.Grant{{Resource: embedded.Topic, Name: "orders", Operation: embedded.Read}}},
		},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, broker.Close()) }()
	c := &cluster{t: t, broker: broker}
	at := c.registryBehind(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error_code": 40101, "message": "who are you?"}`)
		return true
	})
	file := connected(t, broker.Bootstrap(), at, `    schema: {id: 1}
`)
	login := []string{
		"lint", file, "--connect", "--set", "kafka.security.protocol=sasl_plaintext", "--set", "kafka.sasl.mechanism=PLAIN",
		"--set", "kafka.sasl.username=clerk", "--set", "kafka.sasl.password=pass",
	}
	for _, client := range clients.Names() {
		r := call(t, "", append(login, "--set", "client="+client)...)
		require.Equal(t, 1, r.code)
		require.Contains(t, r.stderr, "output.kafka.topic: ", client)
		require.Contains(t, r.stderr, "kafka.group.id: group g cannot be used: ", client)
		require.Contains(t, r.stderr, file+":2:17: registry.url: registry is unavailable: ask "+at+" for its subjects: HTTP 401, code 40101: who are you?")
		require.NotContains(t, r.stderr, "input.topics", client)
	}
}
