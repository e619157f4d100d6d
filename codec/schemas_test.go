package codec_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/avro"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

const (
	orderSchema = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},
		{"name":"note","type":["null","string"],"default":null}]}`
	orderLater = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},
		{"name":"note","type":["null","string"],"default":null},{"name":"currency","type":"string","default":"EUR"}]}`
)

// world is a registry with a resolver that asks it.
type world struct {
	t       *testing.T
	fake    *srfake.Registry
	schemas *codec.Schemas
	url     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	fake := srfake.New()
	t.Cleanup(fake.Close)
	return &world{t: t, fake: fake, schemas: schemasAt(t, fake.URL()), url: fake.URL()}
}

func schemasAt(t *testing.T, url string) *codec.Schemas {
	t.Helper()
	resolver, err := registry.New(registry.Config{
		URLs: []string{url}, Timeout: time.Minute, LookupTimeout: time.Minute, Retries: -1, UnknownGrace: -1,
	})
	require.NoError(t, err)
	t.Cleanup(resolver.Close)
	return codec.NewSchemas(resolver)
}

func (w *world) register(subject string, schema sr.Schema) int {
	w.t.Helper()
	id, _, err := w.fake.RegisterSchema(subject, schema)
	require.NoError(w.t, err)
	return id
}

// guid is that of the subject's latest schema.
func (w *world) guid(subject string) wire.GUID {
	w.t.Helper()
	resolver, err := registry.New(registry.Config{URLs: []string{w.url}})
	require.NoError(w.t, err)
	defer resolver.Close()
	schema, err := resolver.Latest(w.t.Context(), subject)
	require.NoError(w.t, err)
	return schema.GUID
}

func framed(id int, body ...byte) []byte {
	return append(wire.AppendPrefix(nil, int32(id), wire.Path{}), body...)
}

func valueOf(data []byte, headers ...stream.Header) codec.Part {
	return codec.Part{Topic: "orders", Side: wire.Value, Headers: headers, Data: data}
}

var orders = codec.Target{Topic: "orders", Side: wire.Value}

func TestAvroIsReadByTheSchemaThatTheRecordNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.register("orders-value", sr.Schema{Schema: orderSchema}), w.register("orders-value", sr.Schema{Schema: orderLater})
	format := w.schemas.Avro(codec.AvroOptions{})
	old := framed(first, 0x0e, 0x02, 0x04, 'h', 'i')
	value, err := format.Decode(t.Context(), valueOf(old))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"id": json.Number("7"), "note": "hi"}, value)
	require.NoError(t, format.Check(t.Context(), valueOf(old)))
	value, err = format.Decode(t.Context(), valueOf(framed(second, 0x0e, 0x00, 0x06, 'U', 'S', 'D')))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"id": json.Number("7"), "note": nil, "currency": "USD"}, value)

	later, err := avro.Parse(orderLater, nil, avro.Limits{})
	require.NoError(t, err)
	value, err = w.schemas.Avro(codec.AvroOptions{Reader: later}).Decode(t.Context(), valueOf(old))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"id": json.Number("7"), "note": "hi", "currency": "EUR"}, value)

	guid := w.guid("orders-value")
	value, err = format.Decode(t.Context(), valueOf([]byte{0x0e, 0x00, 0x06, 'U', 'S', 'D'}, wire.SchemaHeader(wire.Value, guid, wire.Path{})))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"id": json.Number("7"), "note": nil, "currency": "USD"}, value)
}

func TestDecodeErrorsNameTheSchemaAndTheByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.register("orders-value", sr.Schema{Schema: orderSchema})
	proto := w.register("p", sr.Schema{Schema: `syntax = "proto3"; message M {}`, Type: sr.TypeProtobuf})
	format := w.schemas.Avro(codec.AvroOptions{})
	for _, c := range []struct {
		data     []byte
		want     string
		position int64
	}{
		{[]byte("{}"), "decode avro: byte 0: not written with a schema registry's serializer", 0},
		{[]byte{0, 0, 0}, "decode avro: byte 3: the bytes end too early", 3},
		{framed(id, 0x0e, 0x02, 0x04, 'h'), "decode avro with schema id 1: byte 7: note: the payload ends too early", 7},
		{framed(id, 0x0e, 0x00, 0xff), "decode avro with schema id 1: byte 7: more bytes after the value", 7},
		{framed(proto, 0x00), "decode avro with schema id 2: its type in the registry is PROTOBUF, which format avro cannot read", codec.Whole},
		{framed(99, 0x00), "decode avro with schema id 99: schema id 99", codec.Whole},
	} {
		_, err := format.Decode(t.Context(), valueOf(c.data))
		require.ErrorContains(t, err, c.want)
		var decode *codec.DecodeError
		require.ErrorAs(t, err, &decode)
		require.Equal(t, c.position, decode.Position, c.want)
		require.Equal(t, "decode", decode.DeadLetterReason())
		require.False(t, codec.Unavailable(err))
		require.Equal(t, err.Error(), format.Check(t.Context(), valueOf(c.data)).Error(), "Check and Decode agree")
	}
	strange := wire.SchemaHeader(wire.Value, wire.GUID{1}, wire.Path{})
	_, err := format.Decode(t.Context(), valueOf([]byte{0}, strange))
	require.ErrorContains(t, err, "decode avro with schema GUID 01000000-0000-0000-0000-000000000000: ")
	_, err = format.Decode(t.Context(), valueOf([]byte{0}, stream.Header{Key: wire.ValueHeader, Value: []byte{7}}))
	require.ErrorContains(t, err, wire.ValueHeader)
}

func TestBareBytesHaveNoLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.register("orders-value", sr.Schema{Schema: `"bytes"`})
	data := framed(id, 0xff, 0x00, 0x01)
	value, err := w.schemas.Avro(codec.AvroOptions{}).Decode(t.Context(), valueOf(data))
	require.NoError(t, err)
	require.Equal(t, "/wAB", value)
	require.NoError(t, w.schemas.Avro(codec.AvroOptions{}).Check(t.Context(), valueOf(data)))
	writer, err := w.schemas.AvroWriter(codec.AvroOptions{}, codec.Writing{})
	require.NoError(t, err)
	out, err := writer.Encode(t.Context(), orders, value)
	require.NoError(t, err)
	require.Equal(t, data, out.Data)
	r := &stream.Record{Topic: "orders", Value: data}
	typed, err := codec.Avro[[]byte](w.schemas, codec.AvroOptions{}).Decode(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []byte{0xff, 0x00, 0x01}, typed)
}

// A registry that cannot be asked says nothing about the record.
func TestAnOutageIsNobodysFault(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"500":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"html": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>sorry</html>")) },
		"404":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(answer)
			t.Cleanup(server.Close)
			s := schemasAt(t, server.URL)
			requireAway := func(err error) {
				var away *stream.UnavailableError
				require.ErrorAs(t, err, &away)
				require.Equal(t, "registry", away.Name)
				require.True(t, codec.Unavailable(err))
			}
			_, err := s.Avro(codec.AvroOptions{}).Decode(t.Context(), valueOf(framed(1, 0)))
			requireAway(err)
			requireAway(s.Avro(codec.AvroOptions{}).Check(t.Context(), valueOf(framed(1, 0))))
			_, err = codec.Avro[int](s, codec.AvroOptions{}).Decode(t.Context(), &stream.Record{Topic: "orders", Value: framed(1, 0)})
			requireAway(err)
			writer, err := s.AvroWriter(codec.AvroOptions{}, codec.Writing{})
			require.NoError(t, err)
			requireAway(writer.Prepare(t.Context(), orders))
			_, err = writer.Encode(t.Context(), orders, json.Number("1"))
			requireAway(err)
		})
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.register("orders-value", sr.Schema{Schema: orderSchema})
	value := map[string]any{"id": json.Number("7"), "note": "hi"}
	draft := &registry.Schema{Text: orderSchema}
	for name, writing := range map[string]codec.Writing{
		"latest":       {},
		"id":           {ID: int32(id)},
		"text":         {Draft: draft},
		"subject":      {Subject: "orders-value"},
		"header":       {Form: wire.Header},
		"new subject":  {Draft: draft, Subject: "other", Register: true},
		"record":       {Draft: draft, Naming: registry.RecordName, Register: true},
		"topic-record": {Draft: draft, Naming: registry.TopicRecordName, Register: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writer, err := w.schemas.AvroWriter(codec.AvroOptions{}, writing)
			require.NoError(t, err)
			require.Equal(t, "avro", writer.Name())
			require.NoError(t, writer.Prepare(t.Context(), orders))
			out, err := writer.Encode(t.Context(), orders, value)
			require.NoError(t, err)
			var headers []stream.Header
			if writing.Form == wire.Header {
				require.Equal(t, wire.ValueHeader, out.Header.Key)
				require.Equal(t, []byte{0x0e, 0x02, 0x04, 'h', 'i'}, out.Data)
				headers = append(headers, out.Header)
			} else {
				require.Equal(t, framed(id, 0x0e, 0x02, 0x04, 'h', 'i'), out.Data)
				require.Empty(t, out.Header.Key)
			}
			back, err := w.schemas.Avro(codec.AvroOptions{}).Decode(t.Context(), valueOf(out.Data, headers...))
			require.NoError(t, err)
			require.Equal(t, value, back)
		})
	}
	t.Cleanup(func() {
		for _, subject := range []string{"other", "shop.Order", "orders-shop.Order"} {
			require.True(t, w.fake.SubjectExists(subject), subject)
		}
	})
}

func TestWhatCannotBeWrittenSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("orders-value", sr.Schema{Schema: orderSchema})
	for want, writing := range map[string]codec.Writing{
		"its id and by its text":                   {ID: 1, Draft: &registry.Schema{}},
		"needs no subject":                         {ID: 1, Subject: "s"},
		"ids are positive":                         {ID: -1},
		"nothing to register":                      {Register: true},
		"which is not given: name the subject":     {Naming: registry.RecordName},
		"registered under a subject that is given": {Naming: registry.RecordName, Draft: &registry.Schema{References: make([]registry.Reference, 1)}},
	} {
		_, err := w.schemas.AvroWriter(codec.AvroOptions{}, writing)
		require.ErrorContains(t, err, want)
	}
	for want, c := range map[string]struct {
		writing codec.Writing
		value   any
	}{
		"encode avro with schema id 1: id: ":                                    {codec.Writing{}, map[string]any{"id": "seven"}},
		"encode avro: the schema is not registered under subject orders-value":  {codec.Writing{Draft: &registry.Schema{Text: orderLater}}, nil},
		"encode avro: the latest schema of subject none is not in the registry": {codec.Writing{Subject: "none"}, nil},
	} {
		writer, err := w.schemas.AvroWriter(codec.AvroOptions{}, c.writing)
		require.NoError(t, err)
		_, err = writer.Encode(t.Context(), orders, c.value)
		require.ErrorContains(t, err, want)
		var encode *codec.EncodeError
		require.ErrorAs(t, err, &encode)
		require.False(t, codec.Unavailable(err))
	}
}

type order struct {
	ID   int64   `avro:"id"`
	Note *string `avro:"note"`
}

func TestGoTypesAreReadAndWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("orders-value", sr.Schema{Schema: orderSchema})
	writer, err := w.schemas.AvroWriter(codec.AvroOptions{}, codec.Writing{})
	require.NoError(t, err)
	note := "hi"
	out, err := writer.Encode(t.Context(), orders, order{ID: 7, Note: &note})
	require.NoError(t, err)
	decoder := codec.Avro[order](w.schemas, codec.AvroOptions{})
	back, err := decoder.Decode(t.Context(), &stream.Record{Topic: "orders", Value: out.Data})
	require.NoError(t, err)
	require.Equal(t, order{ID: 7, Note: &note}, back)
	none, err := decoder.Decode(t.Context(), &stream.Record{Topic: "orders"})
	require.NoError(t, err, "a null value")
	require.Zero(t, none)
	_, err = decoder.Decode(t.Context(), &stream.Record{Topic: "orders", Value: out.Data[:8]})
	require.EqualError(t, err, "decode avro with schema id 1: byte 7: note: the payload ends too early")
}

// Many first uses of a schema at once ask the registry once, and compile once.
func TestFirstUsesShareOneRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.register("orders-value", sr.Schema{Schema: orderSchema})
	var mu sync.Mutex
	requests := 0
	resolver, err := registry.New(registry.Config{URLs: []string{w.url}, OnRequest: func(registry.Request) {
		mu.Lock()
		defer mu.Unlock()
		requests++
	}})
	require.NoError(t, err)
	t.Cleanup(resolver.Close)
	format := codec.NewSchemas(resolver).Avro(codec.AvroOptions{})
	begin, ended := make(chan struct{}), sync.WaitGroup{}
	faults := make([]error, 100)
	for i := range faults {
		ended.Go(func() {
			<-begin
			_, faults[i] = format.Decode(t.Context(), valueOf(framed(id, 0x0e, 0x00)))
		})
	}
	close(begin)
	ended.Wait()
	require.NoError(t, errors.Join(faults...))
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 1, requests)
}

func TestAnAttemptThatEndsDoesNotBlameTheRecord(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := schemasAt(t, server.URL).Avro(codec.AvroOptions{}).Decode(ctx, valueOf(framed(1, 0)))
	require.True(t, codec.Unavailable(err))
}
