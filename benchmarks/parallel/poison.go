package parallel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

const (
	// settle is how long the commits may take to follow the last record.
	settle = 30 * time.Second
	// skipped is the share of the first records whose latency does not count: one of so many.
	skipped = 6
)

// Poisoned is what a key that fails for ever does to the others, or what they do without it.
type Poisoned struct {
	P50 time.Duration `json:"p50_ns"` // from when a record was due until it was handled
	P99 time.Duration `json:"p99_ns"`
	// Attempts at the first record of the key that fails.
	Attempts int64 `json:"attempts"`
	// Held is how many records of the key waited when all others had been handled.
	Held int64 `json:"held_records"`
	// Committed is the offset of that key's partition, Metadata the characters that tell what is done beyond it, and End
	// the partition's end.
	Committed int64 `json:"committed"`
	Metadata  int   `json:"metadata_characters"`
	End       int64 `json:"end"`
	// Behind is how many records of the other partitions were not committed.
	Behind int64 `json:"behind"`
	// Repeated is how many records the next process handled again, of those that had been done.
	Repeated int64 `json:"repeated"`
}

// patient counts what is handled while a key fails, and how long each record took.
type patient struct {
	tally   *tally
	failing atomic.Bool
	healthy chan struct{} // closed when all records of other keys are done
	left    atomic.Int64
	tries   atomic.Int64
	latency []time.Duration // by the number of the record
	waits   *waits
	task    Task
}

var errPoison = errors.New("this key fails for ever")

func (t Task) newPatient(over func()) *patient {
	p := &patient{
		tally: newTally(t.Topic, ByKey, over), healthy: make(chan struct{}), latency: make([]time.Duration, t.Topic.Records), task: t,
	}
	p.failing.Store(t.Contender.Poisoned)
	t.Topic.draw(func(_ int64, key int) {
		if key != poisonKey {
			p.left.Add(1)
		}
	})
	return p
}

func (p *patient) handle(_ context.Context, r *troupe.Record) error {
	key, err := p.tally.begin(r.Partition, r.Offset, r.Key, r.Value)
	if err != nil {
		return p.tally.broken(err)
	}
	if key == poisonKey && p.failing.Load() {
		p.tries.Add(1)
		p.tally.fail(r.Partition, r.Offset, key)
		return errPoison
	}
	p.waits.wait()
	if err := p.tally.finish(r.Partition, r.Offset, key); err != nil {
		return p.tally.broken(err)
	}
	due, number := readStamp(r.Value)
	if key == poisonKey || number < 0 || number >= int64(len(p.latency)) || p.latency[number] != 0 {
		return nil // of the key itself, or handled again by the next process
	}
	p.latency[number] = time.Since(time.Unix(0, due))
	if p.left.Add(-1) == 0 {
		close(p.healthy)
	}
	return nil
}

// poison handles a topic while it is written, measures how long the records take of all keys but the poison one, and looks
// at what was committed. A second processor, for which the key does not fail any more, then handles what is left.
func (t Task) poison(ctx context.Context, output io.Writer) (Run, error) {
	over := make(chan struct{}) // all records are done, or a promise is broken
	p := t.newPatient(func() { close(over) })
	var err error
	if p.waits, err = newWaits(t.Latency); err != nil {
		return Run{}, err
	}
	defer p.waits.close()
	config := t.config(t.Topic, t.Group, p.handle)
	config.Commit.Interval = time.Second
	config.Retry = troupe.RetryPolicy{MaxAttempts: -1, Initial: 100 * time.Millisecond, Max: time.Second}
	first, err := live(ctx, config, t.Topic.Partitions)
	if err != nil {
		return Run{}, err
	}
	if err := harness.Reply(output, ready{Ready: true}); err != nil {
		return Run{}, errors.Join(err, first.stop())
	}
	start, err := harness.Read()
	if err == nil {
		err = p.await(ctx, first, over)
	}
	if err != nil {
		return Run{}, errors.Join(err, first.stop())
	}
	end, err := harness.Read()
	if err != nil {
		return Run{}, errors.Join(err, first.stop())
	}
	run := Run{Figures: figures(end.Since(start, t.Topic.Records, t.Topic.Records*valueBytes)), Poisoned: p.quantiles()}
	run.Poisoned.Held = p.tally.left()
	err = t.committed(ctx, run.Poisoned)
	if err := errors.Join(err, first.stop()); err != nil {
		return Run{}, err
	}
	if run.Poisoned.Repeated, err = p.cured(ctx, config, over); err != nil {
		return Run{}, err
	}
	return run, nil
}

// await waits until all records of other keys are done. In the healthy run that is when all are.
func (p *patient) await(ctx context.Context, l *life, over <-chan struct{}) error {
	select {
	case <-p.healthy:
	case <-over:
		if _, err := p.tally.result(); err != nil {
			return err
		}
		<-p.healthy
	case <-l.ended:
		return errors.Join(errors.New("the processor ended by itself"), l.err)
	case <-ctx.Done():
		return fmt.Errorf("%d records of other keys wait: %w", p.left.Load(), ctx.Err())
	}
	return nil
}

// cured lets another processor of the same group handle what is left, and counts what it handles again.
func (p *patient) cured(ctx context.Context, config troupe.Config, over <-chan struct{}) (repeated int64, err error) {
	p.failing.Store(false)
	if p.tally.left() == 0 {
		_, err := p.tally.result()
		return 0, err
	}
	p.tally.again = true
	clear(p.tally.keys) // what is handled again begins again
	second, err := live(ctx, config, p.task.Topic.Partitions)
	if err != nil {
		return 0, err
	}
	select {
	case <-over:
	case <-second.ended:
	case <-ctx.Done():
	}
	if err := second.stop(); err != nil {
		return 0, err
	}
	_, err = p.tally.result()
	return p.tally.repeated.Load(), err
}

// quantiles of the latencies, without the first records.
func (p *patient) quantiles() *Poisoned {
	var counted []time.Duration
	p.task.Topic.draw(func(number int64, key int) {
		if key != poisonKey && number >= p.task.Topic.Records/skipped {
			counted = append(counted, p.latency[number])
		}
	})
	slices.Sort(counted)
	return &Poisoned{P50: quantile(counted, 0.50), P99: quantile(counted, 0.99), Attempts: p.tries.Load()}
}

// committed reads what the group has committed, once it has followed the records that are done.
func (t Task) committed(ctx context.Context, p *Poisoned) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(t.Bootstrap))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	admin, ends, at := kadm.NewClient(client), t.Topic.ends(), t.Topic.partition(poisonKey)
	p.End = ends[at]
	deadline := time.Now().Add(settle)
	for {
		offsets, err := admin.FetchOffsets(ctx, t.Group)
		if err != nil {
			return fmt.Errorf("read the offsets of group %s: %w", t.Group, err)
		}
		p.Behind = 0
		for number, end := range ends {
			offset, _ := offsets.Lookup(t.Topic.Name, int32(number))
			if int32(number) == at {
				p.Committed, p.Metadata = offset.At, len(offset.Metadata)
			} else {
				p.Behind += end - offset.At
			}
		}
		switch first := t.Topic.firstPoison(); {
		case t.Contender.Poisoned && p.Committed > first:
			return fmt.Errorf("%s-%d: offset %d is committed, and %d is not done", t.Topic.Name, at, p.Committed, first)
		case p.Behind == 0 && (p.Committed == p.End || t.Contender.Poisoned && p.Metadata > 0), time.Now().After(deadline):
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// firstPoison is the offset of the first record of the poison key, at which the commit must stand.
func (t Topic) firstPoison() int64 {
	at, found := int64(0), false
	t.draw(func(_ int64, key int) {
		found = found || key == poisonKey
		if !found && t.partition(key) == t.partition(poisonKey) {
			at++
		}
	})
	return at
}

// quantile of sorted values, by the nearest rank; 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted)))), 1)-1]
}
