package avro

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func varints(numbers ...int64) []byte {
	var out []byte
	for _, n := range numbers {
		out = binary.AppendVarint(out, n)
	}
	return out
}

const (
	nodeSchema = `{"type": "record", "name": "Node", "fields": [{"name": "v", "type": "long"}, {"name": "next", "type": ["null", "Node"]}]}`
	treeSchema = `{"type": "record", "name": "Tree", "fields": [{"name": "children", "type": {"type": "array", "items": "Tree"}}]}`
	bagSchema  = `{"type": "record", "name": "Bag", "fields": [{"name": "a", "type": {"type": "array", "items": "long"}}, {"name": "m", "type": {"type": "map", "values": "long"}}, {"name": "x", "type": "int"}]}`
)

// TestHostilePayloads has what kills, hangs or deceives the library below, and more of the sort.
func TestHostilePayloads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schema string
		data   []byte
		want   string
	}{
		"a count that would allocate everything":  {`{"type": "array", "items": "long"}`, varints(1 << 50), "byte 0: too many array items and map entries: over the limit"},
		"a count that is backed by nothing":       {`{"type": "array", "items": "long"}`, varints(1000, 1), "byte 3: [1]: the payload ends too early"},
		"a count that has no positive":            {`{"type": "array", "items": "long"}`, varints(-1<<63, 0), "byte 0: a block's count is out of range"},
		"counts that would overflow a sum":        {`{"type": "array", "items": "null"}`, varints(1, 1<<62, 1<<62), "byte 1: too many array items and map entries: over the limit"},
		"nulls by the million from a few bytes":   {`{"type": "array", "items": "null"}`, varints(1<<20, 0), "byte 4: [10039]: too many values for so few bytes: over the limit"},
		"empty records from a few bytes":          {`{"type": "array", "items": {"type": "record", "name": "E", "fields": []}}`, varints(1<<20, 0), "byte 4: [10039]: too many values for so few bytes: over the limit"},
		"a skipped array that goes on for ever":   {bagSchema, varints(1<<62, 0), "byte 0: a: too many array items and map entries: over the limit"},
		"a skipped map that goes on for ever":     {bagSchema, varints(0, 1<<19), "byte 4: m[0]: the payload ends too early"},
		"a block that says it is shorter":         {`{"type": "array", "items": "long"}`, varints(-2, 1, 5, 6, 0), "byte 0: a block whose size in bytes is not that of its items"},
		"a block that says it is longer":          {`{"type": "array", "items": "long"}`, varints(-1, 2, 5, 6, 0), "byte 0: a block whose size in bytes is not that of its items"},
		"a block of a negative size":              {`{"type": "array", "items": "long"}`, varints(-1, -1, 5, 0), "byte 0: a block whose size in bytes is not that of its items"},
		"a block of more bytes than there are":    {`{"type": "array", "items": "long"}`, varints(-1, 1<<40, 5, 0), "byte 0: a block whose size in bytes is not that of its items"},
		"an empty payload":                        {nodeSchema, nil, "byte 0: v: the payload ends too early"},
		"cut before a union's branch":             {nodeSchema, varints(7), "byte 1: next: the payload ends too early"},
		"cut in an array":                         {`{"type": "array", "items": "long"}`, varints(3, 1), "byte 2: [1]: the payload ends too early"},
		"bytes behind the value":                  {nodeSchema, varints(7, 0, 0), "byte 2: more bytes after the value"},
		"a string of negative length":             {`"string"`, varints(-1), "byte 0: a negative length"},
		"a string of more than there is":          {`"string"`, varints(1<<40, 0), "byte 0: the payload ends too early"},
		"bytes of the longest length":             {`"bytes"`, varints(1<<63 - 1), "byte 0: the payload ends too early"},
		"a string that is no text":                {`"string"`, []byte("\x06a\xffb"), "byte 2: not valid UTF-8"},
		"a key that is no text":                   {`{"type": "map", "values": "null"}`, []byte("\x02\x02\xff\x00"), "byte 2: [0]: not valid UTF-8"},
		"a number that does not end":              {`"long"`, bytes.Repeat([]byte{0xff}, 20), "byte 0: a number of more than 10 bytes or 64 bits"},
		"a number of 65 bits":                     {`"long"`, append(bytes.Repeat([]byte{0xff}, 9), 2), "byte 0: a number of more than 10 bytes or 64 bits"},
		"an int of 33 bits":                       {`"int"`, varints(1 << 31), "byte 0: the number does not fit 32 bits"},
		"an int of 6 bytes":                       {`"int"`, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0}, "byte 0: the number does not fit 32 bits"},
		"a boolean of 2":                          {`"boolean"`, []byte{2}, "byte 0: a boolean is 0 or 1"},
		"a branch that is not there":              {nodeSchema, varints(7, 2), "byte 1: next: branch 2 of a union that has 2"},
		"a negative branch":                       {nodeSchema, varints(7, -1), "byte 1: next: branch -1 of a union that has 2"},
		"a symbol that is not there":              {`{"type": "enum", "name": "E", "symbols": ["A"]}`, varints(1), "byte 0: symbol 1 of the enum E, which has 1"},
		"recursion":                               {treeSchema, bytes.Repeat([]byte{2}, 4<<20), ""},
		"recursion through a union":               {nodeSchema, bytes.Repeat([]byte{2}, 4<<20), ""},
		"a decimal that takes long to print":      {`{"type": "bytes", "logicalType": "decimal", "precision": 4}`, append(varints(1<<20), make([]byte, 1<<20)...), "byte 0: a decimal of more than 512 bytes: over the limit"},
		"a payload that is too large":             {`"bytes"`, append(varints(17<<20), make([]byte, 17<<20)...), "byte 16777216: a payload of 17825796 bytes, 16777216 are allowed: over the limit"},
		"a path through keys":                     {`{"type": "map", "values": {"type": "array", "items": "boolean"}}`, []byte("\x02\x02k\x04\x01\x07"), `byte 5: ["k"][1]: a boolean is 0 or 1`},
		"a type that has no value, at the bottom": {`{"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]}`, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, c.schema)
			r := readerOf(t, s, nil, Options{})
			start := time.Now()
			_, err := r.Decode(c.data)
			var decode *DecodeError
			require.ErrorAs(t, err, &decode)
			if c.want == "" {
				require.ErrorIs(t, err, ErrLimit)
				require.Less(t, len(err.Error()), 1000)
			} else {
				require.EqualError(t, err, c.want)
			}
			require.Equal(t, err, s.Check(c.data))
			require.Equal(t, err, r.Unmarshal(c.data, new(any)))
			require.Equal(t, err, r.Unmarshal(c.data, &struct {
				X int `avro:"x"`
			}{}), "nor does a struct that lacks the fields see it")
			require.Less(t, time.Since(start), 20*time.Second, "a few milliseconds, on a machine that is not busy")
		})
	}
}

// TestStructsMayLackFields decodes into types that have none of a schema's arrays and maps, which the library skips.
func TestStructsMayLackFields(t *testing.T) {
	t.Parallel()
	type part struct {
		X int `avro:"x"`
	}
	g := newGenerator(1)
	s := parse(t, bagSchema)
	r := readerOf(t, s, nil, Options{})
	for range 2_000 {
		data, _ := g.value(s.root)
		var got part
		require.NoError(t, r.Unmarshal(data, &got))
		all, err := r.Decode(data)
		require.NoError(t, err)
		require.Equal(t, all.(map[string]any)["x"], kept(int64(got.X)))
	}
}

// TestEndlessSkippers has a Go type without the field by which its schema's type contains itself: to skip the field, the
// library would recurse until the process dies.
func TestEndlessSkippers(t *testing.T) {
	t.Parallel()
	const wrapped = `{"type": "record", "name": "W", "fields": [{"name": "x", "type": "int"}, {"name": "t", "type": ["null", ` + treeSchema + `]}]}`
	s := parse(t, wrapped)
	r := readerOf(t, s, nil, Options{})
	var lacking struct {
		X int `avro:"x"`
	}
	data := varints(1, 1, 1, 0, 0)
	err := r.Unmarshal(data, &lacking)
	require.ErrorContains(t, err, "t: struct { X int \"avro:\\\"x\\\"\" } must have the field, since its type contains itself")
	require.Equal(t, err, r.Unmarshal(data, &lacking), "it is known by then")

	type tree struct {
		Children []tree `avro:"children"`
	}
	var having struct {
		X int   `avro:"x"`
		T *tree `avro:"t"`
	}
	require.NoError(t, r.Unmarshal(data, &having))
	require.Len(t, having.T.Children, 1)

	// Through a union, the library makes skippers as it goes.
	s = parse(t, nodeSchema)
	var first struct {
		V int64 `avro:"v"`
	}
	require.NoError(t, readerOf(t, s, nil, Options{}).Unmarshal(varints(5, 1, 6, 0), &first))
	require.Equal(t, int64(5), first.V)
}

func TestCheckAllocatesNothing(t *testing.T) {
	s := parse(t, orderSchema)
	data, err := s.Encode(orderValue())
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if s.Check(data) != nil {
			t.Fail()
		}
	}))
}

// TestHostileSchemas has schemas that would keep the library below busy for ever, and readers' schemas that would make
// much of little.
func TestHostileSchemas(t *testing.T) {
	t.Parallel()
	// Each record's default holds the one before it twice.
	doubling := `{"type": "record", "name": "T0", "fields": [{"name": "x", "type": "int", "default": 1}]}`
	references := []Reference{{Name: "0", Text: doubling}}
	for i := 1; i < 50; i++ {
		inner := "T" + string(rune('A'+i-1))
		if i == 1 {
			inner = "T0"
		}
		references = append(references, Reference{Name: inner, Text: strings.NewReplacer("OUTER", "T"+string(rune('A'+i)), "INNER", inner).Replace(
			`{"type": "record", "name": "OUTER", "fields": [{"name": "a", "type": "INNER", "default": {}}, {"name": "b", "type": "INNER", "default": {}}]}`)})
		if i == 20 {
			break
		}
	}
	last := references[len(references)-1]
	s := parse(t, last.Text, references[:len(references)-1]...)
	_, err := s.Encode(map[string]any{})
	require.ErrorIs(t, err, ErrLimit)

	writer := parse(t, `{"type": "array", "items": {"type": "record", "name": "R", "fields": [{"name": "b", "type": "boolean"}]}}`)
	wide := `{"name": "b", "type": "boolean"}`
	for i := range 100 {
		wide += `, {"name": "n` + string(rune('A'+i/26)) + string(rune('A'+i%26)) + `", "type": "string", "default": "x"}`
	}
	reader := parse(t, `{"type": "array", "items": {"type": "record", "name": "R", "fields": [`+wide+`]}}`)
	data := append(append(varints(100_000), make([]byte, 100_000)...), 0)
	r := readerOf(t, writer, reader, Options{})
	_, err = r.Decode(data)
	require.ErrorIs(t, err, ErrLimit)
	require.ErrorContains(t, err, "filled in from defaults")
	var typed []map[string]any
	require.ErrorIs(t, r.Unmarshal(data, &typed), ErrLimit)
}

func TestLimitsCanBeSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limits Limits
		schema string
		data   []byte
	}{
		{Limits{Bytes: 2}, `"bytes"`, varints(2, 0, 0)},
		{Limits{Depth: 2}, treeSchema, varints(1, 0, 0)},
		{Limits{Items: 2}, `{"type": "array", "items": "int"}`, varints(2, 1, 1, 1, 1, 0)},
		{Limits{Work: 4}, `{"type": "array", "items": "null"}`, varints(4, 0)},
		{Limits{WorkBase: 1, WorkPerByte: 1}, `{"type": "array", "items": "null"}`, varints(4, 0)},
	} {
		s, err := Parse(c.schema, nil, c.limits)
		require.NoError(t, err)
		require.ErrorIs(t, s.Check(c.data), ErrLimit)
		require.NoError(t, parse(t, c.schema).Check(c.data))
	}
}

// TestMemoryIsBounded decodes what takes the most memory for its size. It is alone while it measures.
func TestMemoryIsBounded(t *testing.T) {
	nulls := `{"name": "b", "type": "boolean"}`
	for i := range 6 {
		nulls += `, {"name": "n` + string(rune('a'+i)) + `", "type": "null"}`
	}
	for schema, item := range map[string][]byte{
		`{"type": "array", "items": {"type": "map", "values": "int"}}`:                                                  {0},
		`{"type": "array", "items": {"type": "array", "items": "int"}}`:                                                 {2, 2, 0},
		`{"type": "array", "items": "int"}`:                                                                             {2},
		`{"type": "array", "items": {"type": "record", "name": "R", "fields": [` + nulls + `]}}`:                        {1},
		`{"type": "array", "items": {"type": "bytes", "logicalType": "decimal", "precision": 1000, "scale": 1000}}`:     {2, 1},
		`{"type": "array", "items": {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}}`:             make([]byte, 12),
		`{"type": "array", "items": {"type": "record", "name": "R", "fields": [{"name": "e", "type": ["null", "R"]}]}}`: {0},
	} {
		r := readerOf(t, parse(t, schema), nil, Options{})
		const size = 60_000
		count := size / len(item)
		data := append(append(varints(int64(count)), bytes.Repeat(item, count)...), 0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := r.Decode(data)
		runtime.ReadMemStats(&after)
		require.NoError(t, err, schema)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1200*size), schema)
	}
}
