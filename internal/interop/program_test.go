package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec/registry"
)

// program builds the program when the first test needs it.
var program = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(folder, "troupe")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/troupe-go/troupe/cmd/troupe").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return binary, nil
})

// sample is a schema with values as lines of JSON, as the program takes and gives them.
type sample struct {
	exchange

	lines string // one document a line; Python's values where empty
}

func samples(t *testing.T) []sample {
	t.Helper()
	avro := exchange{
		format: formatAvro,
		schema: `{"type": "record", "name": "Order", "namespace": "shop", "fields": [
			{"name": "id", "type": "long"}, {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
			{"name": "note", "type": ["null", "string"]}, {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
			{"name": "day", "type": {"type": "int", "logicalType": "date"}}, {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
			{"name": "stock", "type": {"type": "map", "values": "long"}}, {"name": "data", "type": "bytes"},
			{"name": "payment", "type": [{"type": "record", "name": "Card", "fields": [{"name": "number", "type": "string"}]},
				{"type": "record", "name": "Cash", "fields": [{"name": "cents", "type": "long"}]}]}]}`,
		python: `[{"id": 9007199254740993, "price": {"$decimal": "123.45"}, "note": null, "at": {"$datetime": "2024-02-29T13:37:00.123000+00:00"},
			"day": {"$date": "2024-02-29"}, "state": "PAID", "stock": {"a": -9223372036854775808}, "data": {"$bytes": "AAE="}, "payment": {"cents": 5}}, null]`,
	}
	protobuf := withFiles(t, []exchange{{
		message: "shop.Order",
		python: `[{"orderId": "1", "state": "STATE_PAID", "lines": [{"productId": "a", "pieces": 2}], "stock": {"a": "9223372036854775807"},
			"cash": {"units": "-5", "currency": {"code": "EUR"}}, "rating": 0}, null]`,
	}})[0]
	object := exchange{
		format: formatJSON,
		schema: `{` + draft07 + `, "title": "Order", "type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "to": {"type": ["string", "null"]}}}`,
		python: `[{"id": 9223372036854775807, "to": null}, null]`,
	}
	return []sample{
		{exchange: avro, lines: `{"id": 9007199254740993, "price": 123.45, "note": null, "at": "2024-02-29T13:37:00.123Z", "day": "2024-02-29",
			"state": "PAID", "stock": {"a": -9223372036854775808}, "data": "AAE=", "payment": {"cents": 5}}`},
		{exchange: protobuf},
		{exchange: object},
	}
}

// document is the first value, on one line.
func (s *sample) document(t *testing.T) []byte {
	t.Helper()
	text := []byte(s.lines)
	if s.lines == "" {
		text = list(t, s.python)[0]
	}
	var line bytes.Buffer
	require.NoError(t, json.Compact(&line, text))
	return line.Bytes()
}

// file writes the schema where the program can read it.
func (s *sample) file(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "schema")
	require.NoError(t, os.WriteFile(name, []byte(s.schema), 0o600))
	return name
}

// `troupe produce` writes what Python reads.
func TestProduceForPython(t *testing.T) {
	t.Parallel()
	real, fake := newWorld(t), embeddedWorld(t)
	for _, s := range samples(t) {
		for form, w := range map[string]*world{"prefix": real, "header": fake} {
			t.Run(s.format+" "+form, func(t *testing.T) {
				t.Parallel()
				w := w.on(t)
				topic := w.name + "." + s.format + "." + form
				w.topics(topic)
				args := []string{
					"produce", topic, "--brokers", w.brokers, "--registry", w.url, "--format", s.format,
					"--schema", s.file(t), "--register", "--wire", form,
				}
				if s.message != "" {
					args = append(args, "--message", s.message)
				}
				for _, r := range w.register(s.kind(), s.references) {
					args = append(args, "--reference", fmt.Sprintf("%s=%s:%d", r.Name, r.Subject, r.Version))
				}
				binary, err := program()
				require.NoError(t, err)
				command := exec.CommandContext(t.Context(), binary, args...)
				command.Stdin = bytes.NewReader(s.document(t))
				out, err := command.CombinedOutput()
				require.NoError(t, err, string(out))
				w.requirePythonReads(&s, topic, 1)
				compared.add("troupe produce, "+s.format+", "+form, toPython, 1)
			})
		}
	}
}

// requirePythonReads compares the first n values.
func (w *world) requirePythonReads(s *sample, topic string, n int) {
	w.t.Helper()
	task := w.task(&s.exchange, topic, nil)
	task.Schema, task.Count = "", n
	if s.format == formatProtobuf {
		task.Registry = ""
	}
	result := python.consume(w.t, []job{task})[0]
	require.Empty(w.t, result.Error)
	require.Len(w.t, result.Values, n)
	for i, want := range list(w.t, s.python)[:n] {
		requireSameText(w.t, want, result.Values[i])
	}
}

// A pipeline reads what Python writes, and Python reads its output, in every format.
func TestPipelinesBetweenPythons(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, s := range samples(t) {
		t.Run(s.format+" to json", func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			p := w.pipeline(s.format+".json", "format: "+s.format, "format: json")
			w.pythonWrites(&s, p.in)
			p.start()
			result := python.consume(t, []job{{Topic: p.out, Format: "json", Count: 2}})[0]
			require.Empty(t, result.Error)
			requireSameText(t, s.document(t), result.Values[0])
			require.Equal(t, "null", string(result.Values[1]))
			p.stop()
			compared.add("troupe run, "+s.format+" to json", toTroupe, 2)
		})
		t.Run("json to "+s.format, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			p := w.pipeline("json."+s.format, "format: json", w.outputOf(&s))
			values := []json.RawMessage{s.document(t), json.RawMessage("null")}
			require.Empty(t, python.produce(t, []job{{Topic: p.in, Format: "json", Values: values}})[0].Error)
			p.start()
			w.requirePythonReads(&s, p.out, 2)
			p.stop()
			compared.add("troupe run, json to "+s.format, toPython, 2)
		})
		t.Run(s.format+" to "+s.format, func(t *testing.T) {
			t.Parallel()
			w := w.on(t)
			p := w.pipeline(s.format+"."+s.format, "format: "+s.format, w.outputOf(&s))
			w.pythonWrites(&s, p.in)
			p.start()
			w.requirePythonReads(&s, p.out, 2)
			p.stop()
			compared.add("troupe run, "+s.format+" to "+s.format, toPython, 2)
		})
	}
}

func (w *world) pythonWrites(s *sample, topic string) {
	w.t.Helper()
	var references []registry.Reference
	if s.format != formatProtobuf {
		references = w.register(s.kind(), s.references)
	}
	task := w.task(&s.exchange, topic, references)
	task.Values = list(w.t, s.python)
	require.Empty(w.t, python.produce(w.t, []job{task})[0].Error)
}

// outputOf is the part of a pipeline that writes by a schema of its own.
func (w *world) outputOf(s *sample) string {
	w.t.Helper()
	schema := fmt.Sprintf("file: %q, register: true", s.file(w.t))
	if s.message != "" {
		schema += ", message: " + s.message
	}
	var references []string
	for _, r := range w.register(s.kind(), s.references) {
		references = append(references, fmt.Sprintf("{name: %q, subject: %q, version: %d}", r.Name, r.Subject, r.Version))
	}
	if len(references) > 0 {
		schema += ", references: [" + strings.Join(references, ", ") + "]"
	}
	return fmt.Sprintf("format: %s, schema: {%s}", s.format, schema)
}

// running is `troupe run`.
type running struct {
	t       *testing.T
	in, out string
	command *exec.Cmd
	output  bytes.Buffer
}

// pipeline makes the topics and the file of a pipeline.
func (w *world) pipeline(name, input, output string) *running {
	w.t.Helper()
	p := &running{t: w.t, in: w.name + "." + name + ".in", out: w.name + "." + name + ".out"}
	dead := w.name + "." + name + ".dead"
	w.topics(p.in, p.out, dead)
	text := fmt.Sprintf(`name: interop
kafka: {bootstrap.servers: %q, group.id: %q, auto.offset.reset: earliest}
registry: {url: %q}
input: {topics: [%q], %s}
output: {kafka: {topic: %q, %s}}
dead_letter: {topic: %q}
admin: {listen: "off"}
`, w.brokers, w.name+"."+name, w.url, p.in, input, p.out, output, dead)
	file := filepath.Join(w.t.TempDir(), "pipeline.yaml")
	require.NoError(w.t, os.WriteFile(file, []byte(text), 0o600))
	binary, err := program()
	require.NoError(w.t, err)
	p.command = exec.Command(binary, "run", file)
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	return p
}

func (p *running) start() {
	p.t.Helper()
	require.NoError(p.t, p.command.Start())
	p.t.Cleanup(func() {
		if p.command.ProcessState == nil { // the test has failed before it stopped the process
			_ = p.command.Process.Kill()
			_ = p.command.Wait()
		}
		if p.t.Failed() {
			p.t.Logf("the program wrote:\n%s", p.output.String())
		}
	})
}

// stop ends the process cleanly.
func (p *running) stop() {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(syscall.SIGTERM))
	tooLate := time.AfterFunc(deadline, func() { _ = p.command.Process.Kill() })
	defer tooLate.Stop()
	require.NoError(p.t, p.command.Wait(), p.output.String())
}
