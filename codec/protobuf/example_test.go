package protobuf_test

import (
	"fmt"
	"log"

	"github.com/troupe-go/troupe/codec/protobuf"
)

// A consumer reads messages of a schema that it got with the first of them.
func Example() {
	schema, err := protobuf.Parse(`
		syntax = "proto3";
		import "google/type/money.proto";
		message Order {
			int64 id = 1;
			repeated google.type.Money parts = 2;
		}`, nil, protobuf.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	order, err := schema.ByName("Order")
	if err != nil {
		log.Fatal(err)
	}
	payload, err := order.Encode(map[string]any{"id": 7, "parts": []any{map[string]any{"currencyCode": "EUR", "units": 12}}})
	if err != nil {
		log.Fatal(err)
	}
	value, err := order.Decode(payload)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(value)
	_, err = order.Decode(payload[:8])
	fmt.Println(err)
	_, err = order.Encode(map[string]any{"parts": []any{map[string]any{"unit": 12}}})
	fmt.Println(err)
	// Output:
	// map[id:7 parts:[map[currencyCode:EUR units:12]]]
	// byte 3: parts[0]: the payload ends too early
	// parts[0]: unknown field "unit"
}
