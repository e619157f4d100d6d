package pipeline

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

const (
	orderAvro = `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"id","type":"long"},
		{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}},
		{"name":"note","type":["null","string"],"default":null},
		{"name":"tags","type":{"type":"map","values":"long"}},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`
	orderJSON = `{"id":9007199254740993,"price":12345678901234.5600,"note":null,"tags":{"a":9007199254740993},"at":"2024-02-29T13:37:00.000Z"}`
	moneyAvro = `{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}`
	keyAvro   = `{"type":"record","name":"Key","fields":[{"name":"id","type":"long"}]}`
)

// registryWorld is a schema registry on loopback, and configurations that use it.
type registryWorld struct {
	t    *testing.T
	fake *srfake.Registry
	url  string
}

func newRegistryWorld(t *testing.T) *registryWorld {
	t.Helper()
	fake := srfake.New()
	t.Cleanup(fake.Close)
	return &registryWorld{t: t, fake: fake, url: fake.URL()}
}

func (w *registryWorld) register(subject string, kind sr.SchemaType, text string) int32 {
	w.t.Helper()
	id, _, err := w.fake.RegisterSchema(subject, sr.Schema{Schema: text, Type: kind})
	require.NoError(w.t, err)
	return int32(id)
}

func (w *registryWorld) load(src string, o Options) *Pipeline {
	w.t.Helper()
	p := load(w.t, kafkaKeys+"registry: {url: \""+w.url+"\"}\n"+src, o)
	w.t.Cleanup(func() { require.NoError(w.t, p.Close()) })
	return p
}

// handle runs a pipeline on one record.
func (w *registryWorld) handle(src string, o Options, r *stream.Record) ([]stream.Message, error) {
	w.t.Helper()
	err := w.load(src, o).Config().Handler.Handle(w.t.Context(), r)
	return r.Outputs(), err
}

// schemas reads and writes without the pipeline.
func (w *registryWorld) schemas() (*codec.Schemas, *registry.Resolver) {
	w.t.Helper()
	resolver, err := registry.New(registry.Config{URLs: []string{w.url}})
	require.NoError(w.t, err)
	w.t.Cleanup(resolver.Close)
	return codec.NewSchemas(resolver), resolver
}

// value is a record whose value the format writes by the subject's latest schema.
func (w *registryWorld) value(format, subject, document string, form wire.Form) *stream.Record {
	w.t.Helper()
	r := record("")
	schemas, _ := w.schemas()
	writer, err := newWriter(schemas, format, codec.Writing{Subject: subject, Form: form})
	require.NoError(w.t, err)
	encoded, err := writer.Encode(w.t.Context(), codec.Target{Topic: r.Topic, Side: wire.Value}, generic(w.t, document))
	require.NoError(w.t, err)
	r.Value = encoded.Data
	if encoded.Header.Key != "" {
		r.Headers = append(r.Headers, encoded.Header)
	}
	return r
}

// read shows a message's key or value as JSON.
func (w *registryWorld) read(format string, m stream.Message, side wire.Side) string {
	w.t.Helper()
	schemas, _ := w.schemas()
	part := codec.Part{Topic: m.Topic, Side: side, Headers: m.Headers, Data: m.Value}
	if side == wire.Key {
		part.Data = m.Key
	}
	value, err := newDecoder(schemas, format, codec.AvroOptions{}).Decode(w.t.Context(), part)
	require.NoError(w.t, err)
	text, err := codec.Document{}.Encode(w.t.Context(), codec.Target{}, value)
	require.NoError(w.t, err)
	return string(text.Data)
}

func generic(t *testing.T, document string) any {
	t.Helper()
	value, err := codec.Document{}.Decode(t.Context(), codec.Part{Data: []byte(document)})
	require.NoError(t, err)
	return value
}

func requirePermanent(t *testing.T, err error) {
	t.Helper()
	var permanent *stream.PermanentError
	require.ErrorAs(t, err, &permanent)
}

const (
	avroIn    = "input: {topics: [orders], format: avro}\n"
	toOut     = "output: {kafka: {topic: out}}\n"
	toAvroOut = "output: {kafka: {topic: out, format: avro}}\n"
)

func TestEachFormatWithSchemasBecomesJSON(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("avro", sr.TypeAvro, orderAvro)
	w.register("protobuf", sr.TypeProtobuf, `syntax = "proto3"; package shop; message Unused {}
		message Order { int64 id = 1; map<string, int32> tags = 2; oneof kind { string note = 3; bool gift = 4; } }`)
	w.register("jsonschema", sr.TypeJSON, `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}`)
	for format, c := range map[string]struct{ message, document, steps, want string }{
		"avro": {
			"", orderJSON, "[{filter: '.note == null'}, {map: '{id, price, next: (.id + 1), tag: .tags.a, at, note}'}]",
			`{"at":"2024-02-29T13:37:00.000Z","id":9007199254740993,"next":9007199254740994,"note":null,"price":12345678901234.5600,` +
				`"tag":9007199254740993}`,
		},
		"protobuf": {
			"shop.Order", `{"id":"9007199254740993","tags":{"a":7},"gift":true}`, "[{map: '{id, next: (.id | tonumber + 1), tag: .tags.a, gift, note}'}]",
			`{"gift":true,"id":"9007199254740993","next":9007199254740994,"note":null,"tag":7}`,
		},
		"jsonschema": {"", `{"id":9007199254740993,"p":1.10}`, "[{map: '{id, p}'}]", `{"id":9007199254740993,"p":1.10}`},
	} {
		for _, form := range []wire.Form{wire.Prefix, wire.Header} {
			t.Run(format+" by "+form.String(), func(t *testing.T) {
				t.Parallel()
				schemas, _ := w.schemas()
				writer, err := newWriter(schemas, format, codec.Writing{Subject: format, Form: form, Message: c.message})
				require.NoError(t, err)
				encoded, err := writer.Encode(t.Context(), codec.Target{Topic: "orders"}, generic(t, c.document))
				require.NoError(t, err)
				r := record("")
				r.Value = encoded.Data
				own := r.Headers
				if form == wire.Header {
					r.Headers = append([]stream.Header{encoded.Header}, own...)
				}
				out, err := w.handle("input: {topics: [orders], format: "+format+"}\nsteps: "+c.steps+"\n"+toOut, Options{}, r)
				require.NoError(t, err)
				require.Equal(t, []string{c.want}, values(out))
				require.Equal(t, own, out[0].Headers, "the schema of a value that was written anew is told no more")
			})
		}
	}
}

func TestWithoutStepsTypedValuesKeepTheirBytesAndHeaders(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, orderAvro)
	for name, rest := range map[string]string{
		"no format": toOut, "the same format": toAvroOut, "a filter": "steps: [{filter: .id}]\n" + toAvroOut,
		"another key": "output: {kafka: {topic: out, key: .id}}\n",
	} {
		for _, form := range []wire.Form{wire.Prefix, wire.Header} {
			t.Run(name+" by "+form.String(), func(t *testing.T) {
				t.Parallel()
				r := w.value("avro", "orders-value", orderJSON, form)
				out, err := w.handle(avroIn+rest, Options{}, r)
				require.NoError(t, err)
				require.Len(t, out, 1)
				require.Equal(t, r.Value, out[0].Value)
				require.Equal(t, r.Headers, out[0].Headers)
			})
		}
	}
}

func TestMappedValuesAreWrittenByTheOutputsSchema(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, orderAvro)
	latest := w.register("out-value", sr.TypeAvro, moneyAvro)
	other := w.register("money", sr.TypeAvro, `{"type":"record","name":"Money","namespace":"shop","fields":[{"name":"cents","type":"long"},
		{"name":"currency","type":"string","default":"EUR"}]}`)
	w.register("Money", sr.TypeAvro, moneyAvro)
	w.register("out-Money", sr.TypeAvro, moneyAvro)
	o := Options{ReadFile: files("money.avsc", moneyAvro)}
	for name, c := range map[string]struct {
		schema string
		id     int32
		want   string
	}{
		"latest":       {"", latest, `{"cents":9007199254740993}`},
		"by id":        {", schema: {id: " + fmt.Sprint(other) + "}", other, `{"cents":9007199254740993,"currency":"EUR"}`},
		"by subject":   {", schema: {subject: money}", other, `{"cents":9007199254740993,"currency":"EUR"}`},
		"from a file":  {", schema: {file: money.avsc}", latest, `{"cents":9007199254740993}`},
		"record":       {", schema: {file: money.avsc, subject_naming: record}", latest, `{"cents":9007199254740993}`},
		"topic-record": {", schema: {file: money.avsc, subject_naming: topic-record}", latest, `{"cents":9007199254740993}`},
		"registered":   {", schema: {file: money.avsc, subject: fresh, register: true}", latest, `{"cents":9007199254740993}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.value("avro", "orders-value", orderJSON, wire.Header)
			before := slices.Clone(r.Headers)
			out, err := w.handle(avroIn+"steps: [{map: '{cents: .id}'}]\noutput: {kafka: {topic: out, format: avro"+c.schema+"}}\n", o, r)
			require.NoError(t, err)
			require.Len(t, out, 1)
			require.Equal(t, wire.AppendPrefix(nil, c.id, wire.Path{}), out[0].Value[:5])
			require.Equal(t, c.want, w.read("avro", out[0], wire.Value))
			require.Equal(t, record("").Headers, out[0].Headers)
			require.Equal(t, before, r.Headers, "a retry finds the record as it was")
		})
	}
	require.True(t, w.fake.SubjectExists("money"))
}

func TestSchemasAreToldInHeaders(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, orderAvro)
	w.register("out-value", sr.TypeAvro, moneyAvro)
	w.register("out-key", sr.TypeAvro, keyAvro)
	r := w.value("avro", "orders-value", orderJSON, wire.Header)
	before := append([]stream.Header{}, r.Headers...)
	out, err := w.handle(avroIn+"steps: [{map: '{cents: .tags[]}, {cents: 1}'}]\noutput: {kafka: {topic: out, format: avro, "+
		"schema: {wire: header}, key: '{id: .cents}', key_format: avro, key_schema: {wire: header}}}\n", Options{}, r)
	require.NoError(t, err)
	require.Len(t, out, 2)
	for i, cents := range []string{"9007199254740993", "1"} {
		require.Len(t, out[i].Headers, len(before)+1)
		require.Equal(t, record("").Headers, out[i].Headers[:3])
		require.Equal(t, wire.KeyHeader, out[i].Headers[3].Key)
		require.Equal(t, wire.ValueHeader, out[i].Headers[4].Key)
		require.Equal(t, `{"cents":`+cents+`}`, w.read("avro", out[i], wire.Value))
		require.Equal(t, `{"id":`+cents+`}`, w.read("avro", out[i], wire.Key))
	}
	require.Equal(t, before, r.Headers, "the record's own are not touched")
}

func TestProtobufAndJSONSchemaAreWritten(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("proto-value", sr.TypeProtobuf, `syntax = "proto3"; package shop; message Order { int64 id = 1; message Line { string sku = 1; } }`)
	w.register("json-value", sr.TypeJSON, `{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"}}}`)
	for name, c := range map[string]struct{ output, format, prefix, want string }{
		"the first message": {"topic: proto, format: protobuf", "protobuf", "000000000100", `{"id":"5"}`},
		"a nested message":  {"topic: proto, format: protobuf, schema: {message: shop.Order.Line}", "protobuf", "0000000001040000", `{"sku":"a"}`},
		"a JSON document":   {"topic: json, format: jsonschema", "jsonschema", "0000000002", `{"sku":"a"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := w.handle(ordersIn+"steps: [{map: .}]\noutput: {kafka: {"+c.output+"}}\n", Options{}, record(
				map[bool]string{true: `{"id":5}`, false: `{"sku":"a"}`}[c.want == `{"id":"5"}`]))
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(hex.EncodeToString(out[0].Value), c.prefix), "%x", out[0].Value)
			require.Equal(t, c.want, w.read(c.format, out[0], wire.Value))
		})
	}
	_, err := w.handle(ordersIn+"steps: [{map: .}]\noutput: {kafka: {topic: json, format: jsonschema}}\n", Options{}, record(`{"sku":5}`))
	requirePermanent(t, err)
	require.ErrorContains(t, err, "output value: encode jsonschema with schema id 2: ")
}

func TestAnOutputWithASchemaOfItsOwnWritesAnew(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, moneyAvro)
	later := w.register("later", sr.TypeAvro, `{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"},
		{"name":"currency","type":"string","default":"EUR"}]}`)
	out, err := w.handle(avroIn+"output: {kafka: {topic: out, format: avro, schema: {id: "+fmt.Sprint(later)+"}}}\n", Options{},
		w.value("avro", "orders-value", `{"cents":1}`, wire.Header))
	require.NoError(t, err)
	require.JSONEq(t, `{"cents":1,"currency":"EUR"}`, w.read("avro", out[0], wire.Value))
	require.Equal(t, record("").Headers, out[0].Headers)
}

func TestStepsSeeValuesAsTheReaderSchemaHasThem(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, moneyAvro)
	const later = `{"type":"record","name":"Money","fields":[{"name":"cents","type":"double"},{"name":"currency","type":"string","default":"EUR"}]}`
	folder := t.TempDir()
	path := filepath.Join(folder, "later.avsc")
	require.NoError(t, os.WriteFile(path, []byte(later), 0o600))
	input := "input: {topics: [{topic: orders, reader_schema: " + path + "}, plain], format: avro}\n"
	for topic, want := range map[string]string{"orders": `{"cents":1,"currency":"EUR"}`, "plain": `{"cents":1}`} {
		r := w.value("avro", "orders-value", `{"cents":1}`, wire.Prefix)
		r.Topic = topic
		out, err := w.handle(input+"steps: [{map: .}]\n"+toOut, Options{}, r)
		require.NoError(t, err)
		require.Equal(t, []string{want}, values(out), topic)
	}
	r := w.value("avro", "orders-value", `{"cents":1}`, wire.Prefix)
	out, err := w.handle("input: {topics: [orders], format: avro, reader_schema: "+path+"}\n"+toOut, Options{}, r)
	require.NoError(t, err)
	require.Equal(t, r.Value, out[0].Value, "what no step changes keeps its bytes")
}

func TestTimestampsAreTextOrNumbers(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, orderAvro)
	for timestamps, want := range map[string]string{
		"": `"2024-02-29T13:37:00.000Z"`, ", timestamps: text": `"2024-02-29T13:37:00.000Z"`, ", timestamps: number": "1709213820000",
	} {
		out, err := w.handle("input: {topics: [orders], format: avro"+timestamps+"}\nsteps: [{map: .at}]\n"+toOut, Options{},
			w.value("avro", "orders-value", orderJSON, wire.Prefix))
		require.NoError(t, err)
		require.Equal(t, []string{want}, values(out))
	}
}

func TestTypedKeys(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	id := w.register("orders-key", sr.TypeAvro, keyAvro)
	w.register("out-key", sr.TypeAvro, `{"type":"record","name":"Key","fields":[{"name":"id","type":"string"}]}`)
	const keysIn = "input: {topics: [orders], format: json, key_format: avro}\n"
	key := append(wire.AppendPrefix(nil, id, wire.Path{}), 0x0e)
	told := func() *stream.Record {
		r := record(`{"a":1}`)
		r.Key = key[5:]
		_, resolver := w.schemas()
		schema, err := resolver.Latest(t.Context(), "orders-key")
		require.NoError(t, err)
		r.Headers = append(r.Headers, wire.SchemaHeader(wire.Key, schema.GUID, wire.Path{}))
		return r
	}

	out, err := w.handle(keysIn+"steps: [{map: $key}]\n"+toOut, Options{}, told())
	require.NoError(t, err)
	require.Equal(t, []string{`{"id":7}`}, values(out))
	require.Equal(t, key[5:], out[0].Key, "it is kept as it is")
	require.Len(t, out[0].Headers, 4, "with the header that tells its schema")

	out, err = w.handle(keysIn+"output: {kafka: {topic: out, key: $key.id}}\n", Options{}, told())
	require.NoError(t, err)
	require.Equal(t, "7", string(out[0].Key))
	require.Equal(t, record("").Headers, out[0].Headers)

	r := record(`{"a":1}`)
	r.Key = key
	out, err = w.handle(keysIn+"output: {kafka: {topic: out, key: '{id: ($key.id | tostring)}', key_format: avro}}\n", Options{}, r)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"7"}`, w.read("avro", out[0], wire.Key))

	r = record(`{"a":1}`)
	r.Key = key
	out, err = w.handle(keysIn+"output: {kafka: {topic: out, key_format: json}}\n", Options{}, r)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":7}`, string(out[0].Key))

	r = record(`{"a":1}`)
	r.Key = key
	out, err = w.handle(keysIn+"output: {kafka: {topic: out, key_format: avro}}\n", Options{}, r)
	require.NoError(t, err)
	require.Equal(t, key, out[0].Key, "the same format is passed on")

	_, err = w.handle(keysIn+"output: {kafka: {topic: out, key_format: avro, key_schema: {subject: out-key}}}\n", Options{}, told())
	requirePermanent(t, err)
	require.EqualError(t, err, "output key: encode avro with schema id 2: id: want a string, got 7")

	r = record(`{"a":1}`)
	r.Key = nil
	out, err = w.handle(keysIn+"output: {kafka: {topic: out, key_format: avro, key_schema: {subject: out-key}}}\n", Options{}, r)
	require.NoError(t, err)
	require.Nil(t, out[0].Key)

	r = record(`{"a":1}`)
	r.Key = append(wire.AppendPrefix(nil, id, wire.Path{}), 0xff)
	_, err = w.handle(keysIn+toOut, Options{}, r)
	requirePermanent(t, err)
	require.EqualError(t, err, "key of orders-3 at offset 42: decode avro with schema id 1: byte 6: id: the payload ends too early")
}

func TestTypedTombstones(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, moneyAvro)
	w.register("out-value", sr.TypeAvro, moneyAvro)
	tombstone := func() *stream.Record {
		r := w.value("avro", "orders-value", `{"cents":1}`, wire.Header)
		r.Value = nil
		return r
	}
	const mapped = "steps: [{map: '{cents: 0}'}]\noutput: {kafka: {topic: out, format: avro, schema: {subject: out-value}}}\n"
	r := tombstone()
	out, err := w.handle(avroIn+mapped, Options{}, r)
	require.NoError(t, err)
	require.Nil(t, out[0].Value)
	require.Equal(t, r.Headers, out[0].Headers)

	out, err = w.handle("input: {topics: [orders], format: avro, tombstones: steps}\n"+mapped, Options{}, tombstone())
	require.NoError(t, err)
	require.Equal(t, `{"cents":0}`, w.read("avro", out[0], wire.Value))

	_, err = w.handle("input: {topics: [orders], format: avro, tombstones: skip}\n"+mapped, Options{}, tombstone())
	require.EqualError(t, err, "skipped: tombstone")
}

func TestTypedValuesThatCannotBeReadArePermanent(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, `{"type":"record","name":"Order","fields":[{"name":"items","type":{"type":"array","items":
		{"type":"record","name":"Item","fields":[{"name":"price","type":"double"}]}}}]}`)
	w.register("proto", sr.TypeProtobuf, `syntax = "proto3"; message M { string s = 1; }`)
	w.register("json", sr.TypeJSON, `{"type":"object","required":["id"]}`)
	const place = "value of orders.placed-3 at offset 42: "
	for name, c := range map[string]struct{ format, value, want string }{
		"no frame":   {"avro", "{}", "decode avro: byte 0: not written with a schema registry's serializer: the first byte is 0x7b, want 00 (an id follows) or 01 (a GUID)"},
		"cut":        {"avro", "\x00\x00\x00\x00\x01\x04" + strings.Repeat("\x00", 11), "decode avro with schema id 1: byte 17: items[1].price: the payload ends too early"},
		"left over":  {"avro", "\x00\x00\x00\x00\x01\x00\x00", "decode avro with schema id 1: byte 6: more bytes after the value"},
		"other type": {"avro", "\x00\x00\x00\x00\x02\x00", "decode avro with schema id 2: its type in the registry is PROTOBUF, which format avro cannot read"},
		"protobuf":   {"protobuf", "\x00\x00\x00\x00\x02\x00\x0a\x05a", "decode protobuf with schema id 2: byte "},
		"no message": {"protobuf", "\x00\x00\x00\x00\x02\x02\x0e", "decode protobuf with schema id 2: "},
		"jsonschema": {"jsonschema", "\x00\x00\x00\x00\x03{}", "decode jsonschema with schema id 3: byte 5: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, steps := range []string{"", "steps: [{map: .}]\n"} {
				r := record(c.value)
				r.Topic = "orders.placed"
				_, err := w.handle("input: {topics: [orders.placed], format: "+c.format+"}\n"+steps+toOut, Options{}, r)
				requirePermanent(t, err)
				if strings.HasSuffix(c.want, " ") {
					require.ErrorContains(t, err, place+c.want)
				} else {
					require.EqualError(t, err, place+c.want)
				}
				var decode *codec.DecodeError
				require.ErrorAs(t, err, &decode)
			}
		})
	}
}

func TestReadableOutputsShowTypedValuesAsJSON(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, moneyAvro)
	var stdout strings.Builder
	p := w.load("input: {topics: [orders, {topic: notes, format: string}], format: avro}\noutput: {stdout: {}}\n", Options{Stdout: &stdout})
	require.NoError(t, p.Config().Handler.Handle(t.Context(), w.value("avro", "orders-value", `{"cents":1}`, wire.Prefix)))
	note := record("a note")
	note.Topic = "notes"
	require.NoError(t, p.Config().Handler.Handle(t.Context(), note))
	require.Equal(t, "{\"cents\":1}\na note\n", stdout.String())
}

// A reader schema is compiled once for all topics that have it.
func TestTopicsThatReadAlikeShareADecoder(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	p := w.load("input: {topics: [a, b, {topic: c, reader_schema: money.avsc}, {topic: d, reader_schema: money.avsc}], format: avro, key_format: avro}\n"+toOut,
		Options{ReadFile: files("money.avsc", moneyAvro)})
	h, ok := p.Config().Handler.(*handler)
	require.True(t, ok)
	require.Same(t, h.topics["a"].value, h.topics["b"].value)
	require.Same(t, h.topics["a"].value, h.topics["a"].key)
	require.Same(t, h.topics["c"].value, h.topics["d"].value)
	require.NotSame(t, h.topics["a"].value, h.topics["c"].value)
}
