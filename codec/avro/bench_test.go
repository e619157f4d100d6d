package avro

import (
	"testing"

	hamba "github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"
)

const orderSchema = `{"type": "record", "name": "Order", "namespace": "shop", "fields": [
	{"name": "id", "type": "long"},
	{"name": "customer", "type": "string"},
	{"name": "email", "type": ["null", "string"], "default": null},
	{"name": "quantity", "type": "int"},
	{"name": "price", "type": "double"},
	{"name": "discount", "type": "float"},
	{"name": "paid", "type": "boolean"},
	{"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW", "SENT", "DONE"]}},
	{"name": "placed", "type": {"type": "long", "logicalType": "timestamp-millis"}},
	{"name": "tags", "type": {"type": "array", "items": "string"}}
]}`

type order struct {
	ID       int64    `avro:"id"`
	Customer string   `avro:"customer"`
	Email    *string  `avro:"email"`
	Quantity int      `avro:"quantity"`
	Price    float64  `avro:"price"`
	Discount float32  `avro:"discount"`
	Paid     bool     `avro:"paid"`
	Status   string   `avro:"status"`
	Placed   int64    `avro:"placed"`
	Tags     []string `avro:"tags"`
}

func orderValue() map[string]any {
	return map[string]any{
		"id": 1234567, "customer": "Ada Lovelace", "email": "ada@example.com", "quantity": 3, "price": 17.25, "discount": 0.5,
		"paid": true, "status": "SENT", "placed": "2024-02-29T13:37:00.123Z", "tags": []any{"new", "gift"},
	}
}

// BenchmarkOrder compares a record of ten fields with and without the checker: hamba alone is what the overhead is
// measured against.
func BenchmarkOrder(b *testing.B) {
	s, err := Parse(orderSchema, nil, Limits{})
	require.NoError(b, err)
	r, err := NewReader(s, nil, Options{})
	require.NoError(b, err)
	data, err := s.Encode(orderValue())
	require.NoError(b, err)
	bare, err := hamba.ParseWithCache(orderSchema, "", &hamba.SchemaCache{})
	require.NoError(b, err)
	run := func(name string, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("struct/hamba", func() error { var o order; return hamba.Unmarshal(bare, data, &o) })
	run("struct/ours", func() error { var o order; return r.Unmarshal(data, &o) })
	run("generic/hamba", func() error { var v any; return hamba.Unmarshal(bare, data, &v) })
	run("generic/ours", func() error { _, err := r.Decode(data); return err })
	run("check", func() error { return r.Check(data) })
	run("encode/generic", func() error { _, err := s.Encode(orderValue()); return err })
}

// BenchmarkParse says why schemas are to be kept.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(orderSchema, nil, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
