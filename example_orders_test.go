package troupe_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/internal/cli"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/embedded"
)

// twoOrders are what handleOrders has written, one a line.
const twoOrders = `{"order_id": "o-1", "customer": "ada", "status": "placed", "amount": 19.90, "currency": "EUR"}
{"order_id": "o-2", "customer": "bob", "status": "placed", "currency": "CHF"}
`

// handleOrders runs a handler on two orders, on an embedded broker with a registry, and prints what became a dead letter.
func handleOrders(format string, handler func(*codec.Schemas) troupe.Handler) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := handleOrdersIn(ctx, format, handler); err != nil {
		fmt.Fprintln(os.Stdout, err)
	}
}

func handleOrdersIn(ctx context.Context, format string, handler func(*codec.Schemas) troupe.Handler) error {
	broker, err := embedded.Start(embedded.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = broker.Close() }() // nothing is kept
	none := func(string) (string, bool) { return "", false }
	var told strings.Builder
	code := cli.Main(ctx, []string{
		"produce", "orders", "--create", "1", "--brokers", broker.Bootstrap(), "--registry", broker.RegistryURL(), "--format", format,
		"--schema", "examples/" + format + "/" + map[string]string{"avro": "order.avsc", "protobuf": "order.proto", "jsonschema": "order.json"}[format],
		"--register",
	}, none, strings.NewReader(twoOrders), &told, &told)
	if code != 0 {
		return fmt.Errorf("produce: %s", told.String())
	}
	resolver, err := registry.New(registry.Config{URLs: []string{broker.RegistryURL()}})
	if err != nil {
		return err
	}
	defer resolver.Close()
	if err := handleUntilDone(ctx, broker.Bootstrap(), handler(codec.NewSchemas(resolver))); err != nil {
		return err
	}
	return printDeadLetters(ctx, broker.Bootstrap())
}

// handleUntilDone runs a processor until it has taken two records, and stops it cleanly.
func handleUntilDone(ctx context.Context, brokers string, handler troupe.Handler) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	taken := 0
	p, err := troupe.New(troupe.Config{
		Kafka:  troupe.Properties{"bootstrap.servers": brokers, "group.id": "shop", "auto.offset.reset": "earliest"},
		Topics: []string{"orders"},
		Handler: troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
			if taken++; taken == 2 {
				stop()
			}
			return handler.Handle(ctx, r)
		}),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

func printDeadLetters(ctx context.Context, brokers string) error {
	reader, err := embedded.NewReader(brokers)
	if err != nil {
		return err
	}
	defer reader.Close()
	found, err := reader.Read(ctx, "orders.dead-letter")
	if err != nil {
		return err
	}
	for _, records := range found {
		for i := range records {
			letter, err := deadletter.Restore(records[i].Key, records[i].Value, records[i].Headers)
			if err != nil {
				return err
			}
			fmt.Fprintln(os.Stdout, "dead letter:", letter.Failure.Message)
		}
	}
	return nil
}
