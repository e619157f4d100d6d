package avro

import (
	"encoding/json"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStructsGoThere(t *testing.T) {
	t.Parallel()
	type address struct {
		City string `avro:"city"`
	}
	type base struct {
		ID int64 `avro:"id"`
	}
	type person struct {
		base
		Name    string         `avro:"name"`
		Email   *string        `avro:"email"`
		Tags    []string       `avro:"tags"`
		Counts  map[string]int `avro:"counts"`
		Home    *address       `avro:"home"`
		Born    time.Time      `avro:"born"`
		Balance *big.Rat       `avro:"balance"`
		Kind    string         `avro:"kind"`
		Key     [2]byte        `avro:"key"`
		Took    time.Duration  `avro:"took"`
	}
	s := parse(t, `{"type": "record", "name": "Person", "fields": [
		{"name": "id", "type": "long"}, {"name": "name", "type": "string"}, {"name": "email", "type": ["null", "string"]},
		{"name": "tags", "type": {"type": "array", "items": "string"}}, {"name": "counts", "type": {"type": "map", "values": "int"}},
		{"name": "home", "type": ["null", {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}]},
		{"name": "born", "type": {"type": "long", "logicalType": "timestamp-millis"}},
		{"name": "balance", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
		{"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
		{"name": "key", "type": {"type": "fixed", "name": "Key", "size": 2}},
		{"name": "took", "type": {"type": "int", "logicalType": "time-millis"}}
	]}`)
	email := "ada@example.com"
	in := person{
		base: base{ID: 9007199254740993}, Name: "Ada", Email: &email, Tags: []string{"x"}, Counts: map[string]int{"k": 1}, Home: &address{City: "London"},
		Born: time.UnixMilli(1_700_000_000_123).UTC(), Balance: big.NewRat(1250, 100), Kind: "B", Key: [2]byte{1, 2}, Took: time.Second,
	}
	data, err := s.Marshal(in)
	require.NoError(t, err)
	r := readerOf(t, s, nil, Options{})
	var out person
	require.NoError(t, r.Unmarshal(data, &out))
	require.Equal(t, in.Balance.FloatString(2), out.Balance.FloatString(2))
	out.Balance = in.Balance
	require.Equal(t, in, out)

	generic, err := r.Decode(data)
	require.NoError(t, err)
	again, err := s.Encode(generic)
	require.NoError(t, err)
	require.Equal(t, generic, decoded(t, r, again))
}

func decoded(t *testing.T, r *Reader, data []byte) any {
	t.Helper()
	v, err := r.Decode(data)
	require.NoError(t, err)
	return v
}

func TestUnmarshalThroughReadersSchema(t *testing.T) {
	t.Parallel()
	old := parse(t, `{"type": "record", "name": "O", "fields": [{"name": "gone", "type": {"type": "array", "items": "long"}}, {"name": "n", "type": "int"}, {"name": "was", "type": "string"}]}`)
	recent := parse(t, `{"type": "record", "name": "O", "fields": [{"name": "is", "aliases": ["was"], "type": "string"}, {"name": "n", "type": "long"}, {"name": "more", "type": ["string", "null"], "default": "d"}]}`)
	type order struct {
		Is   string `avro:"is"`
		N    int64  `avro:"n"`
		More string
		Text any `avro:"more"`
	}
	data, err := old.Encode(map[string]any{"gone": []any{1, 2}, "n": 5, "was": "x"})
	require.NoError(t, err)
	var got order
	require.NoError(t, readerOf(t, old, recent, Options{}).Unmarshal(data, &got))
	require.Equal(t, order{Is: "x", N: 5, Text: "d"}, got)
}

func TestMarshalFillsDefaultsIn(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type": "record", "name": "R", "fields": [{"name": "x", "type": "int"},
		{"name": "a", "type": ["null", "string"], "default": null}, {"name": "b", "type": "string", "default": "b"}, {"name": "c", "type": "long", "default": 5},
		{"name": "d", "type": {"type": "array", "items": "int"}, "default": []}, {"name": "e", "type": "boolean", "default": true},
		{"name": "f", "type": "double", "default": 1}, {"name": "g", "type": {"type": "map", "values": "int"}, "default": {}},
		{"name": "h", "type": ["string", "null"], "default": "h"}, {"name": "i", "type": "null", "default": null},
		{"name": "j", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}, "default": "B"}, {"name": "k", "type": ["long", "null"], "default": 6},
		{"name": "l", "type": ["boolean", "null"], "default": true}, {"name": "m", "type": "float", "default": 2}]}`)
	type part struct {
		X int `avro:"x"`
	}
	data, err := s.Marshal(part{X: 1})
	require.NoError(t, err)
	want, err := s.Encode(map[string]any{"x": 1})
	require.NoError(t, err)
	r := readerOf(t, s, nil, Options{})
	require.Equal(t, decoded(t, r, want), decoded(t, r, data))
}

func TestGoValuesThatDoNotGo(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type": "record", "name": "R", "fields": [{"name": "x", "type": "string"}, {"name": "u", "type": ["null", "long", "string"], "default": null}]}`)
	r := readerOf(t, s, nil, Options{})
	data, err := s.Encode(map[string]any{"x": "a"})
	require.NoError(t, err)
	type number struct {
		X int `avro:"x"`
	}
	type text struct {
		X string `avro:"x"`
		U any    `avro:"u"`
	}
	require.ErrorContains(t, r.Unmarshal(data, &number{}), "X: int is unsupported for Avro string")
	require.ErrorContains(t, r.Unmarshal(data, number{}), "want a pointer to decode into, got avro.number")
	require.ErrorContains(t, r.Unmarshal(data, (*number)(nil)), "want a pointer to decode into")
	require.ErrorContains(t, r.Unmarshal(data, nil), "want a pointer to decode into")
	_, err = s.Marshal(number{})
	require.ErrorContains(t, err, `record R is missing required field "u"`, "which is null in a union of three")
	_, err = s.Marshal(struct {
		number
		U any `avro:"u"`
	}{})
	require.ErrorContains(t, err, "int is unsupported for Avro string")
	_, err = s.Marshal(struct{}{})
	require.ErrorContains(t, err, `record R is missing required field "x"`)
	_, err = s.Marshal(nil)
	require.Error(t, err)
	_, err = s.Marshal(text{X: "a\xff"})
	require.ErrorIs(t, err, ErrUTF8, "what is written is checked")
	_, err = s.Marshal(text{U: struct{}{}})
	require.Error(t, err)
	_, err = s.Marshal(map[string]any{"x": "a", "u": map[string]any{"long": nil}})
	require.Error(t, err, "not a panic")
	for range 3 { // readers are used again after an error
		require.Error(t, r.Unmarshal(data, &number{}))
		var got text
		require.NoError(t, r.Unmarshal(data, &got))
		require.Equal(t, text{X: "a"}, got)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := parse(t, orderSchema)
	r := readerOf(t, s, nil, Options{})
	data, err := s.Encode(orderValue())
	require.NoError(t, err)
	want := decoded(t, r, data)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				var o order
				if err := r.Unmarshal(data, &o); err != nil || o.Customer != "Ada Lovelace" {
					t.Errorf("got %v, %v", o, err)
				}
				got, err := r.Decode(data)
				if err != nil || got.(map[string]any)["id"] != want.(map[string]any)["id"] {
					t.Errorf("got %v, %v", got, err)
				}
				if _, err := s.Encode(got); err != nil {
					t.Error(err)
				}
				if _, err := s.Marshal(o); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// The library would fill these with zero.
func TestUnmarshalRefusesRationalsThatItCannotFill(t *testing.T) {
	t.Parallel()
	const decimal = `{"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}`
	bare := parse(t, `{"type": "record", "name": "R", "fields": [{"name": "amount", "type": `+decimal+`}]}`)
	nullable := parse(t, `{"type": "record", "name": "R", "fields": [{"name": "amount", "type": ["null", `+decimal+`]}]}`)
	type byValue struct {
		Amount big.Rat `avro:"amount"`
	}
	type byPointer struct {
		Amount *big.Rat `avro:"amount"`
	}
	type byPointerToPointer struct {
		Amount **big.Rat `avro:"amount"`
	}
	fill := func(s *Schema, value any, target any) error {
		data, err := s.Encode(map[string]any{"amount": value})
		require.NoError(t, err)
		reader, err := NewReader(s, nil, Options{})
		require.NoError(t, err)
		return reader.Unmarshal(data, target)
	}
	require.EqualError(t, fill(bare, json.Number("-19.90"), &byValue{}), "amount: want a *big.Rat for a decimal, not a big.Rat")
	require.EqualError(t, fill(nullable, json.Number("-19.90"), &byPointer{}), "amount: want a **big.Rat for a decimal that may be null, not a *big.Rat")
	require.Error(t, fill(nullable, nil, &byPointer{}), "whatever the value is")

	var one byPointer
	require.NoError(t, fill(bare, json.Number("-19.90"), &one))
	require.Zero(t, one.Amount.Cmp(big.NewRat(-1990, 100)))
	var other byPointerToPointer
	require.NoError(t, fill(nullable, json.Number("-19.90"), &other))
	require.Zero(t, (*other.Amount).Cmp(big.NewRat(-1990, 100)))
	require.NoError(t, fill(nullable, nil, &other))
	require.Nil(t, other.Amount)
}
