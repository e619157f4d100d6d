package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe"
)

// A processor that answers each name with a greeting.
func Example() {
	p, err := troupe.New(troupe.Config{
		Kafka:  troupe.Properties{"bootstrap.servers": "localhost:9092", "group.id": "greeter"},
		Topics: []string{"names"},
		Handler: troupe.HandlerFunc(func(_ context.Context, r *troupe.Record) error {
			if len(r.Value) == 0 {
				return troupe.Permanent(errors.New("no name"))
			}
			r.Emit(troupe.Message{Topic: "greetings", Key: r.Key, Value: append([]byte("hello "), r.Value...)})
			return nil
		}),
	})
	if err != nil {
		slog.Error("configuration", "error", err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.Run(ctx); err != nil {
		slog.Error("processor", "error", err)
	}
}

// All faults of a configuration come at once.
func ExampleNew_faults() {
	_, err := troupe.New(troupe.Config{
		Kafka: troupe.Properties{
			"bootstrap.servers": "localhost:9092", "group.id": "g", "enable.auto.commit": "true",
		},
		Topics:  []string{"orders placed"},
		Handler: troupe.HandlerFunc(func(context.Context, *troupe.Record) error { return nil }),
		Retry:   troupe.RetryPolicy{Jitter: 2},
	})
	var config *troupe.ConfigError
	if errors.As(err, &config) {
		for _, f := range config.Faults {
			fmt.Println(f.Field)
		}
	}
	// Output:
	// Retry.Jitter
	// Topics
	// Kafka
}

// Middleware wraps every handler; here one that measures.
func ExampleConfig_middleware() {
	measured := func(next troupe.Handler) troupe.Handler {
		return troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
			began := time.Now()
			err := next.Handle(ctx, r)
			slog.Debug("handled", "topic", r.Topic, "offset", r.Offset, "took", time.Since(began))
			return err
		})
	}
	_ = troupe.Config{Middleware: []troupe.Middleware{measured}}
}

// A dependency that is down is no reason for dead letters: the record waits until it is back.
func ExampleUnavailable() {
	call := func() error { return errors.New("connection refused") }
	_ = troupe.HandlerFunc(func(context.Context, *troupe.Record) error {
		if err := call(); err != nil {
			return troupe.Unavailable(err, "payments")
		}
		return nil
	})
}
