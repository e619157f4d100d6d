package avro_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/troupe-go/troupe/codec/avro"
)

// A consumer reads what an older producer wrote, as its own schema has it.
func Example() {
	old, err := avro.Parse(`{"type": "record", "name": "Order", "fields": [
		{"name": "id", "type": "int"},
		{"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}]}`, nil, avro.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	recent, err := avro.Parse(`{"type": "record", "name": "Order", "fields": [
		{"name": "id", "type": "long"},
		{"name": "total", "aliases": ["sum"], "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
		{"name": "currency", "type": "string", "default": "EUR"}]}`, nil, avro.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	payload, err := old.Encode(map[string]any{"id": 7, "sum": json.Number("12.5")})
	if err != nil {
		log.Fatal(err)
	}
	reader, err := avro.NewReader(old, recent, avro.Options{})
	if err != nil {
		log.Fatal(err)
	}
	value, err := reader.Decode(payload)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(value)
	_, err = reader.Decode(payload[:2])
	fmt.Println(err)
	// Output:
	// map[currency:EUR id:7 total:12.50]
	// byte 1: sum: the payload ends too early
}
