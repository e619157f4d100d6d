package jsonschema_test

import (
	"fmt"
	"log"

	"github.com/troupe-go/troupe/codec/jsonschema"
)

// A schema uses another one, which comes with it by the name that $ref has for it.
func Example() {
	order, err := jsonschema.Parse(`{
		"title": "Order",
		"type": "object",
		"properties": {"id": {"type": "integer"}, "total": {"$ref": "money.json"}},
		"required": ["id"]}`,
		[]jsonschema.Reference{{Name: "money.json", Text: `{"type": "object", "properties": {"amount": {"type": "number"}}}`}},
		jsonschema.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	value, err := order.Decode([]byte(`{"id": 9007199254740993, "total": {"amount": 12.50}}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.Title(), value)
	fmt.Println(order.Check([]byte(`{"id": 7, "total": {"amount": "12.50"}}`)))
	fmt.Println(order.Check([]byte(`{"total": {}}`)))
	// Output:
	// Order map[id:9007199254740993 total:map[amount:12.50]]
	// byte 30: /total/amount: want number, got string (money.json#/properties/amount/type)
	// byte 0: misses "id" (#/required)
}
