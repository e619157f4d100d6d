package troupe_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe"
)

// A hundred attempts a second in the whole process, a line for each that fails, and two seconds for each. The limit is the
// outermost: the wait for it is neither logged as the handler's time nor counted against the two seconds.
func ExampleRateLimit() {
	_ = troupe.Config{
		Concurrency: 64,
		Middleware: []troupe.Middleware{
			troupe.RateLimit(100, 10),
			troupe.Logging(slog.Default()),
			troupe.Timeout(2 * time.Second),
		},
	}
}

// A handler that asks two services, and gives the first of them only a part of the time.
func ExampleTimeout() {
	price := troupe.Timeout(500 * time.Millisecond)(troupe.HandlerFunc(func(ctx context.Context, _ *troupe.Record) error {
		<-ctx.Done() // no answer
		return ctx.Err()
	}))
	order := troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
		if err := price.Handle(ctx, r); err != nil {
			return fmt.Errorf("price: %w", err)
		}
		return nil // and the second
	})
	fmt.Println(order.Handle(context.Background(), &troupe.Record{Topic: "orders"}))
	// Output:
	// price: context deadline exceeded: the handler took longer than 500ms: context deadline exceeded
}

// Records that make the handler panic go to the dead letters at once instead of being tried again.
func ExampleRecover() {
	final := func(next troupe.Handler) troupe.Handler {
		return troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
			err := next.Handle(ctx, r)
			var panicked *troupe.PanicError
			if errors.As(err, &panicked) {
				return troupe.Permanent(err)
			}
			return err
		})
	}
	_ = troupe.Config{Middleware: []troupe.Middleware{final, troupe.Recover()}}
}

// The key is not logged unless one asks for it.
func ExampleLogging() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "duration_ms" {
			return slog.Attr{} // they differ each time
		}
		return a
	}}))
	logging := troupe.Logging(logger, func(r *troupe.Record) slog.Attr { return slog.String("key", string(r.Key)) })
	handler := logging(troupe.HandlerFunc(func(context.Context, *troupe.Record) error {
		return troupe.Permanent(errors.New("no amount"))
	}))
	_ = handler.Handle(context.Background(), &troupe.Record{Topic: "orders", Partition: 3, Offset: 42, Attempt: 1, Key: []byte("A-17")})
	// Output:
	// level=WARN msg="attempt failed" topic=orders partition=3 offset=42 attempt=1 verdict=permanent error="no amount" key=A-17
}

// carrier reads and writes a trace's context in headers. It has the methods of OpenTelemetry's TextMapCarrier.
type carrier struct{ headers *[]troupe.Header }

func (c carrier) Get(key string) string {
	value, _ := (&troupe.Record{Headers: *c.headers}).Header(key)
	return string(value)
}

func (c carrier) Set(key, value string) {
	*c.headers = append(*c.headers, troupe.Header{Key: key, Value: []byte(value)})
}

func (c carrier) Keys() (keys []string) {
	for _, h := range *c.headers {
		keys = append(keys, h.Key)
	}
	return keys
}

// tracing stands for a tracing library: a propagator, a tracer, and its spans. With OpenTelemetry these are
// otel.GetTextMapPropagator() and otel.Tracer("orders").
type tracing struct{}

type spanContext struct{ trace, parent string }

func (tracing) Extract(ctx context.Context, from carrier) context.Context {
	parts := strings.Split(from.Get("traceparent"), "-") // version, trace id, parent's span id, flags
	if len(parts) != 4 {
		return ctx
	}
	return context.WithValue(ctx, spanContext{}, spanContext{trace: parts[1], parent: parts[2]})
}

func (tracing) Inject(ctx context.Context, into carrier) {
	if c, ok := ctx.Value(spanContext{}).(spanContext); ok {
		into.Set("traceparent", "00-"+c.trace+"-"+c.parent+"-01")
	}
}

func (tracing) Start(ctx context.Context, name string) (context.Context, *exampleSpan) {
	c, _ := ctx.Value(spanContext{}).(spanContext)
	s := &exampleSpan{name: name, trace: c.trace, parent: c.parent, id: hex.EncodeToString([]byte("the-span"))}
	return context.WithValue(ctx, spanContext{}, spanContext{trace: c.trace, parent: s.id}), s
}

type exampleSpan struct {
	name, trace, parent, id string
	err                     error
	ended                   bool
}

func (s *exampleSpan) RecordError(err error) { s.err = err }

func (s *exampleSpan) End() { s.ended = true }

// A span for each attempt, in the trace that the record's headers name, and outputs that go on with it.
func ExampleTracing() {
	var otel tracing
	var spans []*exampleSpan
	traced := troupe.Tracing(func(ctx context.Context, r *troupe.Record) (context.Context, func(error)) {
		ctx, span := otel.Start(otel.Extract(ctx, carrier{&r.Headers}), "process "+r.Topic)
		spans = append(spans, span)
		return ctx, func(err error) {
			var skipped *troupe.SkipError
			if err != nil && !errors.As(err, &skipped) {
				span.RecordError(err)
			}
			span.End()
		}
	})
	handler := traced(troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
		m := troupe.Message{Topic: "orders.enriched", Key: r.Key, Value: r.Value}
		otel.Inject(ctx, carrier{&m.Headers})
		r.Emit(m)
		return nil
	}))

	r := &troupe.Record{Topic: "orders", Headers: []troupe.Header{
		{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
	}}
	_ = handler.Handle(context.Background(), r)
	for _, s := range spans {
		fmt.Printf("%s: trace %s, parent %s, ended %t, error %v\n", s.name, s.trace, s.parent, s.ended, s.err)
	}
	fmt.Printf("%s\n", r.Outputs()[0].Headers[0].Value)
	// Output:
	// process orders: trace 0af7651916cd43dd8448eb211c80319c, parent b7ad6b7169203331, ended true, error <nil>
	// 00-0af7651916cd43dd8448eb211c80319c-7468652d7370616e-01
}
