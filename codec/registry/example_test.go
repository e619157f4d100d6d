package registry_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/stream"
)

func ExampleResolver_ByID() {
	server := srfake.New()
	defer server.Close()
	server.SeedSchema("orders-value", 1, 7, sr.Schema{Schema: `"string"`})

	resolver, err := registry.New(registry.Config{URLs: []string{server.URL()}, UnknownGrace: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resolver.Close()
	for _, id := range []int32{7, 8} {
		schema, err := resolver.ByID(context.Background(), id)
		var (
			unknown *registry.UnknownSchemaError
			outage  *stream.UnavailableError
		)
		switch {
		case err == nil:
			fmt.Println(schema.Type, schema.Text)
		case errors.As(err, &unknown):
			fmt.Println("a dead letter:", unknown.What)
		case errors.As(err, &outage):
			fmt.Println("try again later:", outage.Name)
		}
	}
	// Output:
	// AVRO "string"
	// a dead letter: schema id 8
}
