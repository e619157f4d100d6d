package interop

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// named is a schema whose subject is called by it, or by the topic.
type named struct {
	format, schema, message, python string
	record                          string // its full name
}

func namedSchemas() []named {
	return []named{
		{
			format: formatAvro, record: "shop.Named", python: `{"id": 1}`,
			schema: `{"type": "record", "name": "Named", "namespace": "shop", "fields": [{"name": "id", "type": "long"}]}`,
		},
		{format: formatProtobuf, record: "shop.Tree.Leaf", message: "shop.Tree.Leaf", python: `{"colour": "red"}`},
		{
			format: formatJSON, record: "Named", python: `{"id": 1}`,
			schema: `{` + draft07 + `, "title": "Named", "type": "object"}`,
		},
	}
}

// eachNaming runs a test for every way to call a subject.
func eachNaming(t *testing.T, test func(t *testing.T, n *named, naming registry.Naming, side wire.Side)) {
	t.Helper()
	for _, n := range namedSchemas() {
		for _, naming := range []registry.Naming{registry.TopicName, registry.RecordName, registry.TopicRecordName} {
			for _, side := range []wire.Side{wire.Value, wire.Key} {
				t.Run(n.format+" "+naming.String()+" "+side.String(), func(t *testing.T) { test(t, &n, naming, side) })
			}
		}
	}
}

func (w *world) namedTask(n *named, topic string, naming registry.Naming, side wire.Side, register bool) job {
	return job{
		Topic: topic, Side: side.String(), Format: n.format, Registry: w.url, Schema: n.schema, Message: n.message,
		Config: map[string]any{"naming": naming.String(), "auto.register.schemas": register},
		Values: []json.RawMessage{json.RawMessage(n.python)},
	}
}

// text is a schema as Python registers it. For Protobuf that is a descriptor, which only Python can tell.
func (w *world) text(n *named) string {
	w.t.Helper()
	if n.schema != "" {
		return n.schema
	}
	topic := w.name + ".descriptor"
	w.topics(topic)
	require.Empty(w.t, python.produce(w.t, []job{w.namedTask(n, topic, registry.TopicName, wire.Value, true)})[0].Error)
	ctx, cancel := w.context()
	defer cancel()
	found, err := w.resolver.Latest(ctx, topic+"-value")
	require.NoError(w.t, err)
	return found.Text
}

func TestSubjectsOfPythonAreFound(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	texts := make(map[string]string)
	for _, n := range namedSchemas() {
		texts[n.format] = w.text(&n)
	}
	eachNaming(t, func(t *testing.T, n *named, naming registry.Naming, side wire.Side) {
		w := w.on(t)
		topic := w.name + "." + n.format + "." + naming.String() + "." + side.String()
		w.topics(topic)
		require.Empty(t, python.produce(t, []job{w.namedTask(n, topic, naming, side, true)})[0].Error)

		target := codec.Target{Topic: topic, Side: side}
		writer, err := w.writer(n.format, codec.Writing{
			Draft: &registry.Schema{Text: texts[n.format]}, Naming: naming, Message: n.message,
		})
		require.NoError(t, err)
		value, err := document.Decode([]byte(n.python))
		require.NoError(t, err)
		encoded, err := writer.Encode(t.Context(), target, value)
		require.NoError(t, err, "the subject has the schema already")
		part := partOf(w.read(map[string]int{topic: 1})[topic][0], side)
		require.Equal(t, part.Data, encoded.Data, "its id too")
		compared.add("subjects", toTroupe, 1)
	})
}

func TestSubjectsOfTroupeAreFound(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	texts := make(map[string]string)
	for _, n := range namedSchemas() {
		texts[n.format] = w.text(&n)
	}
	eachNaming(t, func(t *testing.T, n *named, naming registry.Naming, side wire.Side) {
		w := w.on(t)
		topic := w.name + "." + n.format + "." + naming.String() + "." + side.String()
		w.topics(topic)
		task := w.namedTask(n, topic, naming, side, false)
		if naming != registry.RecordName || side == wire.Value { // the key's subject is the value's
			require.Contains(t, python.produce(t, []job{task})[0].Error, "40401", "Python finds no such subject")
		}
		writer, err := w.writer(n.format, codec.Writing{
			Draft: &registry.Schema{Text: texts[n.format]}, Register: true, Naming: naming, Message: n.message,
		})
		require.NoError(t, err)
		require.NoError(t, writer.Prepare(t.Context(), codec.Target{Topic: topic, Side: side}))
		require.Empty(t, python.produce(t, []job{task})[0].Error, "the subject has the schema already")
		compared.add("subjects", toPython, 1)
	})
}

func partOf(r *stream.Record, side wire.Side) codec.Part {
	if side == wire.Key {
		return codec.KeyOf(r)
	}
	return codec.ValueOf(r)
}
