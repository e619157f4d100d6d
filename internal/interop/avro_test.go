package interop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/avro"
	"github.com/troupe-go/troupe/codec/registry"
)

func TestAvro(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exchanges := as(formatAvro, avroExchanges())
	w.fromPython(exchanges)
	w.toPython(exchanges)
}

func TestAvroTypesThatContainThemselves(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	exchanges := as(formatAvro, avroTrees())
	w.fromPython(exchanges)
	w.toPython(exchanges)
}

// as gives exchanges their format.
func as(format string, exchanges []exchange) []exchange {
	for i := range exchanges {
		exchanges[i].format = format
	}
	return exchanges
}

// evolution is values of one schema that are read as another one.
type evolution struct {
	name   string
	writer string
	reader string
	// python and generic are JSON arrays of what is written, as in an exchange.
	python, generic string
	// readPython and readGeneric are what is read. They default to what is written.
	readPython, readGeneric string
}

func (e *evolution) written() exchange {
	return exchange{name: e.name, format: formatAvro, schema: e.writer, python: e.python, generic: e.generic}
}

func (e *evolution) read() exchange {
	x := exchange{python: e.readPython, generic: e.readGeneric}
	if x.python == "" {
		x.python = e.python
		if x.generic == "" {
			x.generic = e.generic
		}
	}
	return x
}

func TestAvroEvolution(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	evolutions := avroEvolutions()
	w.evolveFromPython(evolutions)
	w.evolveToPython(evolutions)
}

// evolveFromPython reads what Python has written by other schemas.
func (w *world) evolveFromPython(evolutions []evolution) {
	w.t.Helper()
	var jobs []job
	counts := make(map[string]int)
	topics := w.topicsOf(make([]exchange, len(evolutions)), toTroupe)
	w.topics(topics...)
	for i := range evolutions {
		x := evolutions[i].written()
		j := w.task(&x, topics[i], nil)
		j.Values = list(w.t, x.python)
		jobs = append(jobs, j)
		counts[j.Topic] = len(j.Values)
	}
	for i, r := range python.produce(w.t, jobs) {
		require.Empty(w.t, r.Error, evolutions[i].name)
	}
	records := w.read(counts)
	for i := range evolutions {
		e := &evolutions[i]
		w.t.Run(toTroupe+"/"+e.name, func(t *testing.T) {
			reader, err := avro.Parse(e.reader, nil, avro.Limits{})
			require.NoError(t, err)
			decoder := w.schemas.Avro(codec.AvroOptions{Reader: reader})
			expected := e.read()
			want := list(t, expected.values())
			require.Len(t, records[topics[i]], len(want))
			for n, r := range records[topics[i]] {
				value, err := decoder.Decode(t.Context(), codec.ValueOf(r))
				require.NoError(t, err)
				requireSame(t, want[n], value)
			}
			compared.add("avro, evolved", toTroupe, len(want))
		})
	}
}

// evolveToPython has Python read by other schemas.
func (w *world) evolveToPython(evolutions []evolution) {
	w.t.Helper()
	topics := w.topicsOf(make([]exchange, len(evolutions)), toPython)
	w.topics(topics...)
	var jobs []job
	for i := range evolutions {
		x := evolutions[i].written()
		require.NoError(w.t, w.write(&x, topics[i], nil), x.name)
		j := w.task(&x, topics[i], nil)
		j.Schema, j.Count = evolutions[i].reader, len(list(w.t, x.python))
		jobs = append(jobs, j)
	}
	results := python.consume(w.t, jobs)
	for i := range evolutions {
		e := &evolutions[i]
		w.t.Run(toPython+"/"+e.name, func(t *testing.T) {
			require.Empty(t, results[i].Error, "Python could not read")
			expected := e.read()
			want := list(t, expected.python)
			require.Len(t, results[i].Values, len(want))
			for n, got := range results[i].Values {
				requireSameText(t, want[n], got)
			}
			compared.add("avro, evolved", toPython, len(want))
		})
	}
}

// Referenced schemas evolve with the schema of the reader too.
func TestAvroEvolutionOfWhatIsReferredTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := reference{name: "Address", text: `{"type": "record", "name": "Address", "fields": [{"name": "street", "type": "string"}]}`}
	x := exchange{
		format: formatAvro, references: []reference{old},
		schema: `{"type": "record", "name": "Person", "fields": [{"name": "home", "type": "Address"}]}`,
		python: `[{"home": {"street": "Ring"}}]`,
	}
	topic := w.name
	w.topics(topic)
	j := w.task(&x, topic, w.register(registry.Avro, x.references))
	j.Values = list(t, x.python)
	require.Empty(t, python.produce(t, []job{j})[0].Error)

	reader, err := avro.Parse(x.schema, []avro.Reference{{
		Name: "Address",
		Text: `{"type": "record", "name": "Address", "fields": [{"name": "street", "type": "string"}, {"name": "city", "type": "string", "default": "?"}]}`,
	}}, avro.Limits{})
	require.NoError(t, err)
	r := w.read(map[string]int{topic: 1})[topic][0]
	value, err := w.schemas.Avro(codec.AvroOptions{Reader: reader}).Decode(t.Context(), codec.ValueOf(r))
	require.NoError(t, err)
	requireSame(t, []byte(`{"home": {"street": "Ring", "city": "?"}}`), value)
	compared.add("avro, evolved", toTroupe, 1)
}
