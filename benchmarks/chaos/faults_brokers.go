package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// everyBroker are all of them.
func everyBroker() []int32 { return []int32{1, 2, 3} }

// refusal is how long dead letters are refused.
const refusal = 20 * time.Second

// down kills brokers, waits, and launches them again.
func (t *trial) down(ctx context.Context, length time.Duration, list ...int32) error {
	return t.during(fmt.Sprintf("SIGKILL broker %v", list), unclean, func() error {
		for _, broker := range list {
			if err := t.cluster.kill(ctx, broker); err != nil {
				return err
			}
		}
		if err := pause(ctx, length); err != nil {
			return err
		}
		results := make(chan error, len(list))
		var all sync.WaitGroup
		for _, broker := range list {
			all.Go(func() { results <- t.cluster.launch(ctx, broker) })
		}
		all.Wait()
		close(results)
		for err := range results {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *trial) killLeaders(ctx context.Context, rounds int) error {
	for range rounds {
		if err := pause(ctx, t.between(3*time.Second, 6*time.Second)); err != nil {
			return err
		}
		broker, err := t.cluster.leader(ctx, t.script.Input, t.random)
		if err != nil {
			return err
		}
		if err := t.down(ctx, t.between(5*time.Second, 9*time.Second), broker); err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Second); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) killCoordinators(ctx context.Context, rounds int) error {
	for range rounds {
		if err := pause(ctx, t.between(3*time.Second, 6*time.Second)); err != nil {
			return err
		}
		broker, err := t.cluster.coordinator(ctx, t.script.Group)
		if err != nil {
			return err
		}
		if err := t.down(ctx, t.between(5*time.Second, 9*time.Second), broker); err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Second); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) blackout(ctx context.Context, length time.Duration) error {
	if err := pause(ctx, t.between(3*time.Second, 6*time.Second)); err != nil {
		return err
	}
	if err := t.down(ctx, length, everyBroker()...); err != nil {
		return err
	}
	return pause(ctx, 15*time.Second)
}

// delay keeps everything that passes the proxies back for a while.
func (t *trial) delay(ctx context.Context) error {
	return t.under(ctx, "latency", delays(200, 100), everyBroker(), stressed, 30*time.Second)
}

// reset ends connections again and again, for a few seconds each time.
func (t *trial) reset(ctx context.Context, rounds int) error {
	for range rounds {
		err := t.under(ctx, "resets", resets(), everyBroker(), stressed, t.between(2*time.Second, 5*time.Second))
		if err != nil {
			return err
		}
	}
	return nil
}

// halfOpen lets nothing pass: first to and from all brokers, then one of them.
func (t *trial) halfOpen(ctx context.Context, rounds int) error {
	for range rounds {
		one := []int32{1 + t.random.Int32N(brokers)}
		for _, cut := range []struct {
			list []int32
			kind kind
		}{{everyBroker(), frozen}, {one, stressed}} {
			length := session + t.between(6*time.Second, 12*time.Second)
			if err := t.under(ctx, fmt.Sprintf("half-open %v", cut.list), swallows(), cut.list, cut.kind, length); err != nil {
				return err
			}
		}
	}
	return nil
}

// under keeps a toxic at work for a time, and lets the pipeline recover.
func (t *trial) under(ctx context.Context, name string, x toxic, list []int32, kind kind, length time.Duration) error {
	if err := pause(ctx, t.between(4*time.Second, 6*time.Second)); err != nil {
		return err
	}
	err := t.during(name, kind, func() error {
		return t.cluster.proxies.under(ctx, x, list, func() error { return pause(ctx, length) })
	})
	if err != nil {
		return err
	}
	return pause(ctx, 10*time.Second)
}

// refuseDeadLetters makes the brokers refuse dead letters: first because there is no such topic, and later because none is
// small enough.
func (t *trial) refuseDeadLetters(ctx context.Context) error {
	err := t.during("no dead-letter topic", clean, func() error {
		if err := pause(ctx, refusal); err != nil {
			return err
		}
		return t.cluster.createTopic(ctx, t.script.DeadLetters, deadLetterPartitions)
	})
	if err != nil {
		return err
	}
	if err := pause(ctx, 10*time.Second); err != nil {
		return err
	}
	err = t.during("dead letters refused by their size", clean, func() error {
		const property = "max.message.bytes"
		if err := t.cluster.configureTopic(ctx, t.script.DeadLetters, property, kmsg.StringPtr("20")); err != nil {
			return err
		}
		if err := pause(ctx, refusal); err != nil {
			return err
		}
		return t.cluster.configureTopic(ctx, t.script.DeadLetters, property, nil)
	})
	if err != nil {
		return err
	}
	return pause(ctx, 10*time.Second)
}
