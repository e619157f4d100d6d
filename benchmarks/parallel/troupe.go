package parallel

import (
	"context"
	"log/slog"
	"os"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/benchmarks/harness"
	"github.com/troupe-go/troupe/stream"
)

// config leaves troupe's defaults as they are, but for what the task says.
func (t Task) config(topic Topic, group string, handler troupe.HandlerFunc) troupe.Config {
	return troupe.Config{
		Client:      t.Client,
		Kafka:       troupe.Properties{"bootstrap.servers": t.Bootstrap, "group.id": group, "auto.offset.reset": "earliest"},
		Topics:      []string{topic.Name},
		Handler:     handler,
		Order:       troupe.Order(t.Contender.Order),
		Concurrency: t.Contender.Concurrency,
		// The topic of dead letters is not needed, and looking for it is not what is measured.
		DeadLetter: troupe.DeadLetterPolicy{Off: true, OnError: "stop"},
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// drainTroupe reads a topic with a processor, commits included.
func (t Task) drainTroupe(ctx context.Context, topic Topic, group string) (harness.Cost, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waits, err := newWaits(t.Latency)
	if err != nil {
		return harness.Cost{}, err
	}
	defer waits.close()
	tally := newTally(topic, t.Contender.Order, cancel)
	processor, err := troupe.New(t.config(topic, group, func(_ context.Context, r *troupe.Record) error {
		return tally.handle(r.Partition, r.Offset, r.Key, r.Value, waits)
	}))
	if err != nil {
		return harness.Cost{}, err
	}
	if err := processor.Run(ctx); err != nil {
		return harness.Cost{}, err
	}
	return tally.result()
}

// life is a processor that runs while something else goes on.
type life struct {
	processor *troupe.Processor
	cancel    context.CancelFunc
	ended     chan struct{}
	err       error
}

// live starts a processor and waits until it has all partitions.
func live(ctx context.Context, config troupe.Config, partitions int32) (*life, error) {
	joined := make(chan struct{})
	begun := make(map[troupe.Partition]bool)
	config.OnEvent = func(e troupe.EventTime) {
		started, is := e.Event.(stream.Started)
		if !is || begun[started.Partition] {
			return
		}
		if begun[started.Partition] = true; len(begun) == int(partitions) {
			close(joined)
		}
	}
	processor, err := troupe.New(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &life{processor: processor, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		l.err = processor.Run(ctx)
	}()
	select {
	case <-joined:
		return l, nil
	case <-l.ended:
		cancel()
		return nil, l.err
	}
}

// stop ends the processor in good order.
func (l *life) stop() error {
	l.cancel()
	<-l.ended
	return l.err
}
