package interop

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// The formats, as both sides call them.
const (
	formatAvro     = "avro"
	formatProtobuf = "protobuf"
	formatJSON     = "jsonschema"
)

const (
	sideKey   = "key"
	sideValue = "value"
)

// exchange is one schema with values, which go in both directions.
type exchange struct {
	name       string
	format     string
	schema     string      // Avro and JSON Schema, and what troupe registers for Protobuf
	references []reference // what the schema refers to
	message    string      // Protobuf's
	side       string      // sideValue where empty
	form       wire.Form
	// python is a JSON array of the values that Python writes and reads, as dev/interop/tagged.py has them.
	python string
	// generic are the same values as package codec gives and takes them. Defaults to python.
	generic string
	// back is what Python reads where that is not what it writes. Defaults to python.
	back string
	// config are properties of Python's serializer.
	config map[string]any
	// branches makes Python name the records that unions hold.
	branches bool
}

func (x *exchange) where() wire.Side {
	if x.side == sideKey {
		return wire.Key
	}
	return wire.Value
}

func (x *exchange) sideName() string { return x.where().String() }

// counted is what the exchange counts as.
func (x *exchange) counted() string {
	if x.form == wire.Header {
		return x.format + ", GUID in a header"
	}
	return x.format
}

func (x *exchange) kind() registry.Type { return kindOf(x.format) }

func kindOf(format string) registry.Type {
	switch format {
	case formatAvro:
		return registry.Avro
	case formatProtobuf:
		return registry.Protobuf
	default:
		return registry.JSON
	}
}

func (x *exchange) values() string {
	if x.generic == "" {
		return x.python
	}
	return x.generic
}

func (x *exchange) readBack() string {
	if x.back == "" {
		return x.python
	}
	return x.back
}

// list takes a JSON array apart.
func list(t *testing.T, text string) []json.RawMessage {
	t.Helper()
	var out []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &out), text)
	return out
}

// topicsOf are the topics of exchanges, for one direction.
func (w *world) topicsOf(exchanges []exchange, direction string) []string {
	topics := make([]string, len(exchanges))
	for i, x := range exchanges {
		topics[i] = fmt.Sprintf("%s.%s.%d.%s", w.name, x.format, i, notInTopics.ReplaceAllString(direction, "-"))
	}
	return topics
}

// task is the peer's part in an exchange.
func (w *world) task(x *exchange, topic string, references []registry.Reference) job {
	j := job{
		Topic: topic, Side: x.sideName(), Format: x.format, Registry: w.url,
		Schema: x.schema, Message: x.message, Branches: x.branches,
	}
	if x.form == wire.Header {
		j.Form = x.form.String()
	}
	for _, r := range references {
		j.References = append(j.References, peerReference{r.Name, r.Subject, r.Version})
	}
	return j
}

// fromPython has Python write all exchanges, and compares with what package codec reads.
func (w *world) fromPython(exchanges []exchange) {
	w.t.Helper()
	topics := w.topicsOf(exchanges, toTroupe)
	w.topics(topics...)
	jobs := make([]job, len(exchanges))
	for i := range exchanges {
		x := &exchanges[i]
		var references []registry.Reference
		if x.format != formatProtobuf { // whose serializer registers what is imported
			references = w.register(x.kind(), x.references)
		}
		jobs[i] = w.task(x, topics[i], references)
		jobs[i].Values, jobs[i].Config = list(w.t, x.python), x.config
	}
	results := python.produce(w.t, jobs)
	counts := make(map[string]int)
	for i, r := range results {
		if r.Error == "" {
			counts[topics[i]] = len(jobs[i].Values)
		}
	}
	records := w.read(counts)
	for i := range exchanges {
		x := &exchanges[i]
		w.t.Run(toTroupe+"/"+x.name, func(t *testing.T) {
			require.Empty(t, results[i].Error, "Python could not write")
			want := list(t, x.values())
			require.Len(t, records[topics[i]], len(want))
			for n, r := range records[topics[i]] {
				requireSame(t, want[n], w.decode(t, x, r))
			}
			compared.add(x.counted(), toTroupe, len(want))
		})
	}
}

// decode reads one side of a record.
func (w *world) decode(t *testing.T, x *exchange, r *stream.Record) any {
	t.Helper()
	part := partOf(r, x.where())
	if part.Data == nil {
		return nil // a tombstone
	}
	decoder := w.decoder(x.format)
	require.NoError(t, decoder.Check(t.Context(), part))
	value, err := decoder.Decode(t.Context(), part)
	require.NoError(t, err, "%x", part.Data)
	return value
}

func (w *world) decoder(format string) codec.Decoder {
	switch format {
	case formatAvro:
		return w.schemas.Avro(codec.AvroOptions{})
	case formatProtobuf:
		return w.schemas.Protobuf()
	default:
		return w.schemas.JSONSchema()
	}
}

// writer writes by a schema that it may register.
func (w *world) writer(format string, writing codec.Writing) (*codec.Writer, error) {
	switch format {
	case formatAvro:
		return w.schemas.AvroWriter(codec.AvroOptions{}, writing)
	case formatProtobuf:
		return w.schemas.ProtobufWriter(writing)
	default:
		return w.schemas.JSONSchemaWriter(writing)
	}
}

// toPython writes all exchanges with package codec, and compares with what Python reads.
func (w *world) toPython(exchanges []exchange) {
	w.t.Helper()
	topics := w.topicsOf(exchanges, toPython)
	w.topics(topics...)
	jobs := make([]job, 0, len(exchanges))
	written := make([]error, len(exchanges))
	for i := range exchanges {
		x := &exchanges[i]
		references := w.register(x.kind(), x.references)
		written[i] = w.write(x, topics[i], references)
		task := w.task(x, topics[i], nil)
		task.Schema = "" // what the record names has to do
		if x.format == formatProtobuf {
			task.Registry = "" // see TestProtobufByTheDescriptorsOfPython
		}
		if written[i] == nil {
			task.Count = len(list(w.t, x.values()))
		}
		jobs = append(jobs, task)
	}
	results := python.consume(w.t, jobs)
	for i := range exchanges {
		x := &exchanges[i]
		w.t.Run(toPython+"/"+x.name, func(t *testing.T) {
			require.NoError(t, written[i])
			require.Empty(t, results[i].Error, "Python could not read")
			want := list(t, x.readBack())
			require.Len(t, results[i].Values, len(want))
			for n, got := range results[i].Values {
				requireSameText(t, want[n], got)
			}
			compared.add(x.counted(), toPython, len(want))
		})
	}
}

// write encodes the values of an exchange into a topic. Its schema is registered.
func (w *world) write(x *exchange, topic string, references []registry.Reference) error {
	w.t.Helper()
	writer, err := w.writer(x.format, codec.Writing{
		Draft: &registry.Schema{Text: x.schema, References: references}, Register: true,
		Message: x.message, Form: x.form,
	})
	if err != nil {
		return err
	}
	for _, text := range list(w.t, x.values()) {
		if err := w.encode(writer, x, topic, text); err != nil {
			return fmt.Errorf("write %s: %w", text, err)
		}
	}
	return nil
}

func (w *world) encode(writer *codec.Writer, x *exchange, topic string, text []byte) error {
	w.t.Helper()
	value, err := document.Decode(text)
	if err != nil {
		return err
	}
	if value == nil { // a tombstone
		w.produce(topic, x.side, codec.Encoded{})
		return nil
	}
	encoded, err := writer.Encode(w.t.Context(), codec.Target{Topic: topic, Side: x.where()}, value)
	if err != nil {
		return err
	}
	w.produce(topic, x.side, encoded)
	return nil
}

// requireSame compares a generic value with its text. Numbers are compared by their digits.
func requireSame(t *testing.T, want []byte, got any) {
	t.Helper()
	expected, err := document.Decode(want)
	require.NoError(t, err)
	require.Equal(t, expected, got)
}

func requireSameText(t *testing.T, want, got []byte) {
	t.Helper()
	value, err := document.Decode(got)
	require.NoError(t, err)
	requireSame(t, want, value)
}
