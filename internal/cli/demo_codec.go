package cli

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/examples"
	"github.com/troupe-go/troupe/stream"
)

const demoPipeline = "orders.yaml"

// demoFile reads a file of the example that a format's demo runs.
func demoFile(format, name string) ([]byte, error) {
	folder := format
	if !needsSchema(format) {
		folder = "orders"
	}
	return examples.Files().ReadFile(folder + "/" + name)
}

// demoSchema is the file with the schema of an order.
func demoSchema(format string) string {
	switch format {
	case formatAvro:
		return "order.avsc"
	case formatProtobuf:
		return "order.proto"
	default:
		return "order.json"
	}
}

// demoCodec writes orders in the demo's format and reads what became of them. For JSON it has nothing to do.
type demoCodec struct {
	resolver *registry.Resolver
	orders   *codec.Writer
	decoder  codec.Decoder
}

func newDemoCodec(format, registryURL string) (*demoCodec, error) {
	c := &demoCodec{}
	if !needsSchema(format) {
		return c, nil
	}
	schema, err := demoFile(format, demoSchema(format))
	if err != nil {
		return nil, err
	}
	if c.resolver, err = registry.New(registry.Config{URLs: []string{registryURL}}); err != nil {
		return nil, err
	}
	schemas := codec.NewSchemas(c.resolver)
	c.orders, err = newWriter(schemas, format, codec.Writing{Draft: &registry.Schema{Text: string(schema)}, Register: true})
	if err != nil {
		c.resolver.Close()
		return nil, err
	}
	c.decoder = newDecoder(schemas, format)
	return c, nil
}

func (c *demoCodec) close() {
	if c.resolver != nil {
		c.resolver.Close()
	}
}

// write makes the values of orders, and registers their schema.
func (c *demoCodec) write(ctx context.Context, orders []order) error {
	if c.resolver == nil {
		return nil
	}
	for i := range orders {
		o := &orders[i]
		value, err := document.Decode([]byte(o.document))
		if err != nil {
			return fmt.Errorf("%s: %w", o.id, err)
		}
		encoded, err := c.orders.Encode(ctx, codec.Target{Topic: o.topic}, value)
		if err != nil {
			return fmt.Errorf("%s: %w", o.id, err)
		}
		o.write(encoded.Data, o.document)
	}
	return nil
}

// read puts what results say in the place of their bytes, as JSON; for one that cannot be read that is why, which is no JSON.
func (c *demoCodec) read(ctx context.Context, records map[stream.Partition][]stream.Record) error {
	if c.resolver == nil {
		return nil
	}
	for _, all := range records {
		for i := range all {
			value, err := c.decoder.Decode(ctx, codec.ValueOf(&all[i]))
			if codec.Unavailable(err) {
				return err
			}
			if err == nil {
				all[i].Value, err = document.Encode(value)
			}
			if err != nil {
				all[i].Value = []byte(err.Error())
			}
		}
	}
	return nil
}
