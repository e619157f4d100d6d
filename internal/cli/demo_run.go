package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/admin"
	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/pipeline"
	"github.com/troupe-go/troupe/stream"
)

const (
	// dependencyFailures is how often the simulated dependency fails for a flaky order before it works.
	dependencyFailures = 2
	demoBackoff        = "20ms"
	demoLookInterval   = 50 * time.Millisecond
	// demoPatience is how long no record may be finished before the demo gives up.
	demoPatience = 30 * time.Second
)

// demoRun is the demo's processor at work.
type demoRun struct {
	processor *troupe.Processor
	pipeline  *pipeline.Pipeline
	admin     *admin.Server // nil without --keep
	served    sync.WaitGroup
	unserve   context.CancelFunc
	cancel    context.CancelFunc
	ended     chan error // what Run has returned
	once      sync.Once
	stopped   error

	tally    *demoTally
	progress *progress
	ends     map[stream.Partition]int64 // of the input topics
	total    int64
	keep     bool
	began    time.Time
	took     time.Duration // until the last record was done
	ledger   stream.Ledger // at that moment
}

// start builds the processor from the example's file and runs it.
func (d *demo) start(ctx context.Context, broker *embedded.Broker, all []order, ends map[stream.Partition]int64) (*demoRun, error) {
	// The environment is the demo's own: KAFKA_BROKERS of the caller may name a production cluster.
	env := map[string]string{
		"KAFKA_BROKERS": broker.Bootstrap(), "REGISTRY_URL": broker.RegistryURL(), "GROUP_ID": demoGroup,
		"RETRY_INITIAL": demoBackoff, "ADMIN_LISTEN": d.listen,
	}
	source, err := demoFile(d.format.value, demoPipeline)
	if err != nil {
		return nil, err
	}
	p, err := pipeline.Load(demoPipeline, source, pipeline.Options{
		Getenv:     func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		ReadFile:   func(name string) ([]byte, error) { return demoFile(d.format.value, name) },
		Stdout:     io.Discard,
		Logger:     d.logger,
		Middleware: []troupe.Middleware{flakyDependency(all)},
	})
	if err != nil {
		return nil, err
	}
	config := p.Config()
	r := &demoRun{
		pipeline: p, ended: make(chan error, 1), tally: newDemoTally(), unserve: func() {},
		progress: newProgress(d.app.stderr, "orders"), ends: ends, total: int64(len(all)), keep: d.keep,
	}
	config.Client, config.OnEvent = d.client, r.tally.receive
	if r.processor, err = troupe.New(config); err != nil {
		return nil, err
	}
	if d.keep {
		if err := r.serve(ctx, p, d); err != nil {
			return nil, err
		}
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel, r.began = cancel, time.Now()
	go func() { r.ended <- r.processor.Run(running) }()
	return r, nil
}

// serve answers admin requests until stop.
func (r *demoRun) serve(ctx context.Context, p *pipeline.Pipeline, d *demo) error {
	r.admin = admin.New(r.processor, admin.Options{
		Listen: p.Admin.Listen, Version: troupe.Version(), Config: p.RedactedJSON(), Logger: d.logger,
	})
	if _, err := r.admin.Listen(ctx); err != nil {
		return fmt.Errorf("%w; choose another address with --admin", err)
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.unserve = cancel
	r.served.Go(func() {
		if err := r.admin.Serve(serving); err != nil {
			d.logger.Error("the admin endpoints ended", "error", err)
		}
	})
	return nil
}

// flakyDependency stands for a dependency that fails twice for some orders and then works.
func flakyDependency(all []order) troupe.Middleware {
	flaky := make(map[string]int)
	for i := range all {
		if all[i].kind == flakyOrder {
			flaky[all[i].id] = dependencyFailures
		}
	}
	var mu sync.Mutex
	return func(next troupe.Handler) troupe.Handler {
		return troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
			id, _ := r.Header(traceHeader)
			mu.Lock()
			left := flaky[string(id)]
			if left > 0 {
				flaky[string(id)] = left - 1
			}
			mu.Unlock()
			if left > 0 {
				return errors.New("the simulated stock service did not answer")
			}
			return next.Handle(ctx, r)
		})
	}
}

// await waits until every order is done; with --keep, until that is committed too, since nothing is stopped then.
func (r *demoRun) await(ctx context.Context) error {
	ticker := time.NewTicker(demoLookInterval)
	defer ticker.Stop()
	defer r.progress.clear()
	best, since := int64(-1), time.Now()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted with %d of %d orders done", max(best, 0), r.total)
		case err := <-r.ended:
			r.ended <- err
			return fmt.Errorf("the processor ended by itself: %w", err)
		case <-ticker.C:
		}
		status := r.processor.Status()
		done, all := r.done(&status)
		if all && r.took == 0 {
			r.took = time.Since(r.began)
			r.ledger = sumLedgers(&status)
		}
		if all && (!r.keep || r.tally.committedAll(r.ends)) {
			return nil
		}
		if done > best {
			best, since = done, time.Now()
		}
		if time.Since(since) > demoPatience {
			return fmt.Errorf("nothing was done for %s, with %d of %d orders done: %s", demoPatience, best, r.total, causes(&status))
		}
		r.progress.show(done, r.total, time.Since(r.began))
	}
}

// done gives the number of orders done, and whether the watermark of every partition is at its end.
func (r *demoRun) done(status *troupe.Status) (int64, bool) {
	watermarks := make(map[stream.Partition]int64, len(status.Partitions))
	done := int64(0)
	for i := range status.Partitions {
		p := &status.Partitions[i]
		watermarks[p.Partition] = p.Watermark
		done += p.Ledger.States[stream.Done]
	}
	for p, end := range r.ends {
		if watermarks[p] < end {
			return done, false
		}
	}
	return done, true
}

func sumLedgers(status *troupe.Status) stream.Ledger {
	var sum stream.Ledger
	for i := range status.Partitions {
		l := &status.Partitions[i].Ledger
		sum.Received += l.Received
		for s, n := range l.States {
			sum.States[s] += n
		}
	}
	return sum
}

// causes says why partitions stand still.
func causes(status *troupe.Status) string {
	var all []string
	for i := range status.Partitions {
		if p := &status.Partitions[i]; p.Cause != stream.Idle {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s is %s %s", p.Partition, p.Cause, p.Detail)))
		}
	}
	if len(all) == 0 {
		return fmt.Sprintf("%d partitions are assigned, all idle", len(status.Partitions))
	}
	return strings.Join(all[:min(len(all), 5)], ", ")
}

// stop stops the processor in good order. Called again, it gives the same answer.
func (r *demoRun) stop() error {
	r.once.Do(func() {
		r.cancel()
		r.stopped = errors.Join(<-r.ended, r.pipeline.Close())
		r.unserve()
		r.served.Wait()
	})
	return r.stopped
}

// findings reads every topic back, and adds what the processor said.
func (r *demoRun) findings(ctx context.Context, reader *embedded.Reader) (*demoFindings, error) {
	found := &demoFindings{ends: r.ends, ledger: r.ledger}
	var err error
	if found.inputs, err = reader.Read(ctx, placedTopic, updatedTopic); err != nil {
		return nil, err
	}
	if found.enriched, err = reader.Read(ctx, enrichedTopic); err != nil {
		return nil, err
	}
	if found.deadLetters, err = reader.Read(ctx, deadLetterTopic); err != nil {
		return nil, err
	}
	if found.committed, err = reader.Committed(ctx, demoGroup); err != nil {
		return nil, err
	}
	r.tally.into(found)
	return found, nil
}

// demoTally counts events.
type demoTally struct {
	mu        sync.Mutex
	retried   map[place]int64
	filtered  int64
	committed map[stream.Partition]int64
}

func newDemoTally() *demoTally {
	return &demoTally{retried: make(map[place]int64), committed: make(map[stream.Partition]int64)}
}

func (t *demoTally) receive(e troupe.EventTime) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if retried, ok := e.Event.(stream.Retried); ok {
		t.retried[place{retried.Partition, retried.Offset}]++
	}
	if skipped, ok := e.Event.(stream.Skipped); ok && skipped.Reason == pipeline.SkippedFiltered {
		t.filtered += skipped.Count
	}
	if committed, ok := e.Event.(stream.Committed); ok {
		for _, o := range committed.Offsets {
			t.committed[o.Partition] = o.Offset
		}
	}
}

// committedAll says whether all that lies before the ends is committed.
func (t *demoTally) committedAll(ends map[stream.Partition]int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, end := range ends {
		if t.committed[p] < end {
			return false
		}
	}
	return true
}

func (t *demoTally) into(found *demoFindings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found.retriedOrders, found.filtered = int64(len(t.retried)), t.filtered
	for _, n := range t.retried {
		found.retried += n
	}
}
