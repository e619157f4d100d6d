// Command unsteady is troupe with a handler that fails and is slow now and then, as one is that asks other services: what is
// handled beside one another then ends out of order, and records wait for their next attempt with others behind them.
package main

import (
	"context"
	"errors"
	"hash/fnv"
	"os"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr, unsteady))
}

// Of a thousand records, how many fail at first, and how many take long. The others take a millisecond.
const (
	failing = 10
	slow    = 5
)

var errUnsteady = errors.New("the service failed")

// unsteady decides by the record's bytes, so that it is the same whoever handles it. A record that fails does so up to three
// times, one of ten of them up to eight.
func unsteady(next troupe.Handler) troupe.Handler {
	return troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
		draw := drawOf(r)
		takes := time.Millisecond
		if draw%1000 >= 1000-slow {
			takes = 300 * time.Millisecond
		}
		if err := wait(ctx, takes); err != nil {
			return err
		}
		if draw%1000 < failing && r.Attempt <= failures(draw/1000) {
			return errUnsteady
		}
		return next.Handle(ctx, r)
	})
}

// failures is how often a record that fails does so.
func failures(draw uint64) int32 {
	if draw%10 == 0 {
		return 1 + int32(draw/10%8)
	}
	return 1 + int32(draw/10%3)
}

func drawOf(r *troupe.Record) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write(r.Value) // a hash never fails
	return sum.Sum64() >> 8
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
