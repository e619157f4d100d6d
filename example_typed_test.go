package troupe_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/examples/protobuf/shoppb"
)

var errCurrency = errors.New("only euros are taken")

// A handler of Go structs that come as Avro. handleOrders runs it on two orders, with the schemas of a registry:
//
//	resolver, err := registry.New(registry.Config{URLs: []string{"http://localhost:8081"}})
//	schemas := codec.NewSchemas(resolver)
func ExampleTyped() {
	type order struct {
		ID       string `avro:"order_id"`
		Customer string `avro:"customer"`
		Currency string `avro:"currency"`
	}
	handleOrders("avro", func(schemas *codec.Schemas) troupe.Handler {
		orders := codec.Avro[order](schemas, codec.AvroOptions{})
		return troupe.Typed(orders, func(_ context.Context, o order, _ *troupe.Record) error {
			if o.Currency != "EUR" {
				return troupe.Permanent(errCurrency)
			}
			fmt.Println(o.ID, "from", o.Customer)
			return nil
		})
	})
	// Output:
	// o-1 from ada
	// dead letter: only euros are taken
}

// A handler of a type that protoc-gen-go has generated.
func ExampleTyped_protobuf() {
	handleOrders("protobuf", func(schemas *codec.Schemas) troupe.Handler {
		orders := codec.Proto[*shoppb.Order](schemas)
		return troupe.Typed(orders, func(_ context.Context, o *shoppb.Order, _ *troupe.Record) error {
			if o.GetCurrency() != "EUR" {
				return troupe.Permanent(errCurrency)
			}
			fmt.Println(o.GetOrderId(), "from", o.GetCustomer())
			return nil
		})
	})
	// Output:
	// o-1 from ada
	// dead letter: only euros are taken
}

// A handler of JSON documents that have been checked against their schema. codec.JSON[order](nil) takes documents without
// one.
func ExampleTyped_jsonSchema() {
	type order struct {
		ID       string `json:"order_id"`
		Customer string `json:"customer"`
		Currency string `json:"currency"`
	}
	handleOrders("jsonschema", func(schemas *codec.Schemas) troupe.Handler {
		orders := codec.JSON[order](schemas)
		return troupe.Typed(orders, func(_ context.Context, o order, _ *troupe.Record) error {
			if o.Currency != "EUR" {
				return troupe.Permanent(errCurrency)
			}
			fmt.Println(o.ID, "from", o.Customer)
			return nil
		})
	})
	// Output:
	// o-1 from ada
	// dead letter: only euros are taken
}
