package cli

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/avro"

	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

const orderSchema = `{"type": "record", "name": "Order", "namespace": "shop", "fields": [
	{"name": "id", "type": "long"},
	{"name": "who", "type": ["null", "string"], "default": null},
	{"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, "default": "\u0000"}
]}`

// written makes a file of a test's own.
func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// produce writes lines into the topic orders, with the cluster's registry.
func (c *cluster) produce(lines string, args ...string) result {
	c.t.Helper()
	return c.troupe(lines, append([]string{"produce", "orders", "--registry", c.broker.RegistryURL()}, args...)...)
}

// registered asks the registry itself for the latest schema of a subject.
func (c *cluster) registered(subject string) (id uint32, schema string) {
	c.t.Helper()
	answer, err := http.Get(c.broker.RegistryURL() + "/subjects/" + subject + "/versions/latest")
	require.NoError(c.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, answer.StatusCode, "%s", text)
	var told struct {
		ID     uint32
		Schema string
	}
	require.NoError(c.t, json.Unmarshal(text, &told))
	return told.ID, told.Schema
}

// unframed reads the id in front of a value.
func unframed(t *testing.T, value []byte) (id uint32, body []byte) {
	t.Helper()
	require.Greater(t, len(value), 5)
	require.Zero(t, value[0])
	return binary.BigEndian.Uint32(value[1:5]), value[5:]
}

// decoded reads Avro with another library.
func decoded(t *testing.T, schema string, body []byte) map[string]any {
	t.Helper()
	parsed, err := avro.Parse(schema)
	require.NoError(t, err)
	var out map[string]any
	rest, err := parsed.Decode(body, &out)
	require.NoError(t, err)
	require.Empty(t, rest)
	return out
}

func TestProduceWritesAvroThatAnotherLibraryReads(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	lines := `{"id": 9007199254740993, "who": "ada", "price": 12.30}` + "\n\n" + `{"id": -1}` + "\n"

	r := c.produce(lines, "--format", "avro", "--schema", written(t, "order.avsc", orderSchema), "--register",
		"--key", ".who", "--header", "a=1", "--partition", "1")

	require.Equal(t, result{0, "2 records acknowledged\n", ""}, r)
	id, schema := c.registered("orders-value")
	require.JSONEq(t, orderSchema, schema)
	records := c.records()
	require.Len(t, records, 2)
	var values []map[string]any
	for i := range records {
		told, body := unframed(t, records[i].Value)
		require.Equal(t, id, told)
		require.Equal(t, []stream.Header{{Key: "a", Value: []byte("1")}}, records[i].Headers)
		values = append(values, decoded(t, schema, body))
	}
	require.Equal(t, "ada", string(records[0].Key))
	require.Nil(t, records[1].Key)
	require.Equal(t, int64(9007199254740993), values[0]["id"])
	require.Equal(t, "ada", values[0]["who"])
	require.Equal(t, "12.30", values[0]["price"].(interface{ FloatString(int) string }).FloatString(2))
	require.Equal(t, int64(-1), values[1]["id"])
	require.Nil(t, values[1]["who"])
}

func TestProduceUsesASchemaThatIsRegistered(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	schema := written(t, "order.avsc", orderSchema)
	require.Zero(t, c.produce("", "--format", "avro", "--schema", schema, "--register").code)
	id, _ := c.registered("orders-value")

	for _, args := range [][]string{
		{"--schema", schema},
		{"--schema-id", fmt.Sprint(id)},
		{},
		{"--subject", "orders-value"},
	} {
		r := c.produce(`{"id": 1}`, append(args, "--format", "avro")...)
		require.Equal(t, result{0, "1 record acknowledged\n", ""}, r, "%v", args)
	}
	records := c.records()
	require.Len(t, records, 4)
	for i := range records {
		told, _ := unframed(t, records[i].Value)
		require.Equal(t, id, told)
	}
}

func TestProduceNamesSubjects(t *testing.T) {
	t.Parallel()
	for subject, args := range map[string][]string{
		"orders-value":      {"--subject-naming", "topic"},
		"shop.Order":        {"--subject-naming", "record"},
		"orders-shop.Order": {"--subject-naming", "topic-record"},
		"mine":              {"--subject", "mine"},
	} {
		c := newCluster(t)
		r := c.produce(`{"id": 1}`, append(args, "--format", "avro", "--schema", written(t, "order.avsc", orderSchema), "--register")...)
		require.Zero(t, r.code, r.stderr)
		_, schema := c.registered(subject)
		require.JSONEq(t, orderSchema, schema)
	}
}

func TestProduceWritesWithReferences(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	money := `{"type": "record", "name": "Money", "namespace": "shop", "fields": [{"name": "cents", "type": "long"}]}`
	order := `{"type": "record", "name": "Sale", "namespace": "shop", "fields": [{"name": "price", "type": "Money"}]}`
	r := c.produce("", "--format", "avro", "--schema", written(t, "money.avsc", money), "--register", "--subject", "money")
	require.Zero(t, r.code, r.stderr)

	r = c.produce(`{"price": {"cents": 7}}`, "--format", "avro", "--schema", written(t, "sale.avsc", order), "--register",
		"--reference", "shop.Money=money:1")

	require.Equal(t, result{0, "1 record acknowledged\n", ""}, r)
	_, body := unframed(t, c.records()[0].Value)
	require.Equal(t, []byte{14}, body)

	r = c.produce(`{}`, "--format", "avro", "--schema", written(t, "sale.avsc", order), "--register", "--reference", "shop.Money=money:9")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "sale.avsc: the schema for subject orders-value is not accepted: ")
}

func TestProduceRefusesASchemaThatIsNotRegistered(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	at := c.broker.RegistryURL()
	schema := written(t, "order.avsc", orderSchema)
	for says, args := range map[string][]string{
		"troupe: --schema " + schema + ": this schema under subject orders-value is not in the registry: " + at +
			` answers HTTP 404, code 40401: subject "orders-value" not found; --register adds it` + "\n": {"--schema", schema},
		"troupe: the latest schema of subject orders-value is not in the registry: " + at +
			` answers HTTP 404, code 40401: subject "orders-value" not found; --schema names another one by its file, and --register adds it` + "\n": {},
		"troupe: schema id 77 is not in the registry: " + at +
			" answers HTTP 404, code 40403: schema not found; --schema names another one by its file, and --register adds it\n": {"--schema-id", "77"},
	} {
		r := c.produce(`{"id": 1}`, append(args, "--format", "avro")...)
		require.Equal(t, result{1, "", says}, r)
	}
	require.Empty(t, c.records())
	answer, err := http.Get(at + "/subjects")
	require.NoError(t, err)
	defer answer.Body.Close()
	subjects, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.JSONEq(t, "[]", string(subjects), "nothing is registered unless asked for")
}

// registryBehind serves the cluster's registry through a handler that may answer first.
func (c *cluster) registryBehind(answers func(http.ResponseWriter, *http.Request) bool) (address string) {
	c.t.Helper()
	target, err := url.Parse(c.broker.RegistryURL())
	require.NoError(c.t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	transport := &http.Transport{}
	proxy.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !answers(w, request) {
			proxy.ServeHTTP(w, request)
		}
	}))
	c.t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return server.URL
}

func TestProduceTellsThatASchemaIsIncompatible(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	schema := written(t, "order.avsc", orderSchema)
	at := c.registryBehind(func(w http.ResponseWriter, request *http.Request) bool {
		if request.Method != http.MethodPost || !strings.HasSuffix(request.URL.Path, "/versions") {
			return false
		}
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"error_code": 409, "message": "READER_FIELD_MISSING_DEFAULT_VALUE: price"}`)
		return true
	})

	r := c.troupe(`{"id": 1}`, "produce", "orders", "--registry", at, "--format", "avro", "--schema", schema, "--register")

	require.Equal(t, result{1, "", "troupe: --schema " + schema + ": the schema is not compatible with the versions of subject " +
		"orders-value that are registered: " + at + " answers HTTP 409, code 409: READER_FIELD_MISSING_DEFAULT_VALUE: price " +
		"(change the schema, or the subject's compatibility level in the registry)\n"}, r)
	require.Empty(t, c.records())
}

func TestProduceNamesLinesThatDoNotGoWithTheSchema(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	lines := strings.Join([]string{`{"id": 1}`, `{"id": "x"}`, `{broken`, `{"id": 4}`, `null`, `{"id": 6, "more": 1}`}, "\n")

	r := c.produce(lines, "--format", "avro", "--schema", written(t, "order.avsc", orderSchema), "--register")

	require.Equal(t, 1, r.code)
	require.Equal(t, "2 records acknowledged\n", r.stdout)
	told := strings.Split(strings.TrimSpace(r.stderr), "\n")
	require.Len(t, told, 5, r.stderr)
	require.Equal(t, `line 2: encode avro with schema id 1: id: want a long, got the string "x"`, told[0])
	require.Contains(t, told[1], "line 3: decode json: byte 1: ")
	require.Equal(t, "line 5: encode avro with schema id 1: want an object for the record shop.Order, got null", told[2], "null is a value, no tombstone")
	require.Equal(t, `line 6: encode avro with schema id 1: more: the record shop.Order has no such field`, told[3])
	require.Equal(t, "troupe: 4 lines not written", told[4])
	require.Len(t, c.records(), 2)
}

func TestProduceLogsInAtTheRegistry(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	wanted := ""
	at := c.registryBehind(func(w http.ResponseWriter, request *http.Request) bool {
		user, password, _ := request.BasicAuth()
		if user+"/"+password == wanted || request.Header.Get("Authorization") == wanted {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error_code": 40101, "message": "who are you?"}`)
		return true
	})
	args := []string{"produce", "orders", "--registry", at, "--format", "avro", "--schema", written(t, "order.avsc", orderSchema), "--register"}
	password, token := written(t, "password", "p w\n"), written(t, "token", "abc\n")
	for name, x := range map[string]struct {
		wanted string
		args   []string
		env    map[string]string
	}{
		"password in a file":     {"ada/p w", []string{"--registry-username", "ada", "--registry-password-file", password}, nil},
		"password in a variable": {"ada/secret", []string{"--registry-username", "ada"}, map[string]string{registryPasswordVariable: "secret"}},
		"token in a file":        {"Bearer abc", []string{"--registry-token-file", token}, map[string]string{registryTokenVariable: "other"}},
		"token in a variable":    {"Bearer xyz", nil, map[string]string{registryTokenVariable: "xyz"}},
	} {
		wanted = x.wanted
		r := callWith(t, x.env, `{"id": 1}`, append(append(args, "--brokers", c.broker.Bootstrap()), x.args...)...)
		require.Equal(t, result{0, "1 record acknowledged\n", ""}, r, name)
	}
	wanted = "nobody"
	r := callWith(t, map[string]string{registryPasswordVariable: "hush"}, `{"id": 1}`,
		append(args, "--brokers", c.broker.Bootstrap(), "--registry-username", "ada")...)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "registry is unavailable: ask "+at+" for a new schema of subject orders-value: HTTP 401, code 40101: who are you?")
	require.NotContains(t, r.stderr, "hush")
}

func TestProduceGivesUpOnARegistryThatIsAway(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	schema := written(t, "order.avsc", orderSchema)

	r := c.troupe("{}", "produce", "orders", "--registry", "http://127.0.0.1:1", "--format", "avro", "--schema", schema)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "troupe: registry is unavailable: ask http://127.0.0.1:1 for this schema under subject orders-value: ")

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	at := "http://" + silent.Addr().String()
	began := time.Now()
	r = c.troupe("{}", "produce", "orders", "--registry", at, "--format", "avro", "--schema", schema, "--timeout", "700ms")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "troupe: no answer from "+at+" within 700ms: registry is unavailable: ")
	require.Less(t, time.Since(began), 20*time.Second)
	require.Empty(t, c.records())
}

func TestProduceTellsTheSchemaInAHeader(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	r := c.produce(`{"id": 1}`+"\n"+`{"id": 2}`, "--format", "avro", "--schema", written(t, "order.avsc", orderSchema), "--register",
		"--wire", "header", "--header", "a=1", "--partition", "0")
	require.Equal(t, result{0, "2 records acknowledged\n", ""}, r)
	records := c.records()
	require.Len(t, records, 2)
	for i := range records {
		require.Len(t, records[i].Headers, 2)
		frame, err := wire.Read(wire.Value, records[i].Headers, records[i].Value, false)
		require.NoError(t, err)
		require.True(t, frame.ByGUID && frame.InHeader)
		require.Equal(t, int64(i+1), decoded(t, orderSchema, records[i].Value)["id"])
	}
}

func TestProduceRefusesFlagsThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	schema := written(t, "order.avsc", orderSchema)
	password := written(t, "password", "secret")
	for name, x := range map[string]struct{ args, says string }{
		"flags of another format": {"--schema s", "are for the formats avro, protobuf, jsonschema; --format is json"},
		"a registry for text":     {"--format string --registry http://localhost:1", "--format is string"},
		"no registry":             {"--format avro", "--registry is missing, like http://localhost:8081"},
		"no URL":                  {"--format avro --registry localhost:8081", "does not begin with http:// or https:// and a host"},
		"two schemas":             {"--format avro --registry R --schema S --schema-id 1", "--schema and --schema-id exclude one another"},
		"a negative id":           {"--format avro --registry R --schema-id -1", "--schema-id must be positive, and is -1"},
		"an id and a subject":     {"--format avro --registry R --schema-id 1 --subject s", "--schema-id needs neither --subject nor --subject-naming"},
		"two subjects":            {"--format avro --registry R --subject s --subject-naming record", "--subject and --subject-naming exclude one another"},
		"nothing to register":     {"--format avro --registry R --register", "--register needs the schema's file: --schema"},
		"nothing that refers":     {"--format avro --registry R --reference a=b:1", "--reference goes with --schema"},
		"a reference to nowhere":  {"--format avro --registry R --schema S --reference a=b", `--reference "a=b" must be name=subject:version`},
		"a reference to no version": {
			"--format avro --registry R --schema S --reference a=b:0",
			`--reference "a=b:0" must end with a version, a positive number`,
		},
		"a naming without a name": {"--format avro --registry R --subject-naming record", "--subject-naming record is called after the schema"},
		"an unknown naming":       {"--format avro --registry R --subject-naming x", "must be topic or record or topic-record"},
		"a message in Avro":       {"--format avro --registry R --message a.B", "--message is for format protobuf; --format is avro"},
		"an unknown form":         {"--format avro --registry R --wire tail", "must be prefix or header"},
		"a missing file":          {"--format avro --registry R --schema /nowhere.avsc", "reading /nowhere.avsc: no such file or directory"},
		"standard input twice":    {"--format avro --registry R --schema -", "--schema must name a file"},
		"no schema at all":        {"--format avro --registry R --schema P", "--schema P: "},
		"a password of nobody":    {"--format avro --registry R --registry-password-file P", "--registry-password-file needs --registry-username"},
		"no password":             {"--format avro --registry R --registry-username ada", "or set TROUPE_REGISTRY_PASSWORD"},
		"two ways to log in": {
			"--format avro --registry R --registry-username ada --registry-token-file P",
			"--registry-username and --registry-token-file exclude one another",
		},
		"a certificate for http": {"--format avro --registry R --registry-ca P", "registry: "},
	} {
		for short, long := range map[string]string{" R": " http://127.0.0.1:1", " S": " " + schema, " P": " " + password} {
			x.args = strings.ReplaceAll(x.args, short, long)
		}
		x.says = strings.ReplaceAll(x.says, "--schema P", "--schema "+password)
		r := call(t, "{}", append([]string{"produce", "orders", "--brokers", "127.0.0.1:1"}, strings.Fields(x.args)...)...)
		require.Equal(t, 2, r.code, "%s: %s", name, r.stderr)
		require.Contains(t, r.stderr, x.says, name)
		require.Empty(t, r.stdout)
	}
}
