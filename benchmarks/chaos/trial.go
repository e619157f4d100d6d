package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

const (
	// grace is how long after a fault the group may still change because of it: a session and a rebalance.
	grace = 3 * session
	// warmUp is how long records flow before the first fault, coolDown how long after the last.
	warmUp, coolDown = 4 * time.Second, 3 * time.Second
	// dyingTime is how long it may take to kill brokers, one after the other.
	dyingTime = 3 * time.Second
	// drainTimeout is how long everything may take to be committed after the load has ended.
	drainTimeout = 2 * time.Minute
)

// trial is one scenario with one client and one protocol.
type trial struct {
	Case
	scenario Scenario
	cluster  *cluster
	fleet    *fleet
	random   *rand.Rand
	folder   string
	progress io.Writer
	verifier string

	script  verify.Script
	zombies []frozenMember

	mu         sync.Mutex
	violations []string
}

// kind is what a fault may lead to.
type kind int

const (
	// clean faults lead to no duplicate.
	clean kind = iota
	// unclean ones: what was out and not committed may come out again.
	unclean
	// crashes likewise, and only what the killed member had written.
	crash
	// frozen ones: so may what had been on its way in a member that does not know that it was given up.
	frozen
	// stressed ones: likewise, and it goes on reading in between.
	stressed
)

// during does a fault and takes down when.
func (t *trial) during(name string, kind kind, do func() error) error {
	fmt.Fprintf(t.progress, "  %s %s\n", time.Now().Format("15:04:05.000"), name)
	f := verify.Fault{Name: name, StartMS: time.Now().UnixMilli(), Clean: kind == clean, Crash: kind == crash}
	err := do()
	f.EndMS = time.Now().UnixMilli()
	switch kind {
	case clean, crash:
	case unclean:
		f.UnsureUntilMS = f.StartMS + dyingTime.Milliseconds()
	case frozen:
		f.UnsureUntilMS = f.StartMS + time.Second.Milliseconds()
		f.LateUntilMS = f.UnsureUntilMS // fetches that were under way
	case stressed:
		f.UnsureUntilMS, f.LateUntilMS = f.EndMS, f.EndMS
	}
	t.script.Faults = append(t.script.Faults, f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// between gives a random time.
func (t *trial) between(least, most time.Duration) time.Duration {
	return least + time.Duration(t.random.Int64N(int64(most-least)+1))
}

func (t *trial) pick(slots []int) int { return slots[t.random.IntN(len(slots))] }

// violate takes down a broken promise.
func (t *trial) violate(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations = append(t.violations, fmt.Sprintf(format, args...))
}

// run does the trial. An error means that it could not be done; broken promises are in the outcome.
func (t *trial) run(ctx context.Context) (o Outcome, err error) {
	began := time.Now()
	o = Outcome{Case: t.Case, About: t.scenario.About, At: began.UTC().Truncate(time.Second), Machine: harness.ThisMachine()}
	if err := t.prepare(ctx); err != nil {
		return o, err
	}
	defer t.fleet.killAll()
	if err := t.fleet.startAll(ctx, t.scenario.Members); err != nil {
		return o, err
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	var background sync.WaitGroup
	defer background.Wait()
	defer stopWatching()
	watcher := newWatcher(t.fleet, func(ctx context.Context) (map[int32]int64, error) { return t.cluster.ends(ctx, t.script.Input) })
	background.Go(func() { o.Watched = watcher.run(watching) })
	meters := make(readings)
	if err := t.load(ctx, func() error { return t.act(ctx, watching, &background, meters) }); err != nil {
		return o, err
	}
	drained, err := t.drain(ctx)
	if err != nil {
		return o, err
	}
	stopWatching()
	background.Wait()
	if !drained {
		t.describeMembers(ctx)
	}
	for _, d := range t.fleet.deserters() {
		t.violate("%s", d)
	}
	if err := t.fleet.leaveAll(ctx); err != nil {
		t.violate("the last stop: %v", err)
	}
	if o.Report, err = t.check(ctx); err != nil {
		return o, err
	}
	if t.scenario.Metered {
		var grown []string
		o.Growth, grown = meters.growth()
		t.violations = append(t.violations, grown...)
	}
	o.Seconds = time.Since(began).Seconds()
	o.Violations = append(t.violations, o.judge(t.scenario.Causes...)...)
	return o, t.cleanUp(ctx, len(o.Violations) == 0)
}

// act lets the records flow for a while, does the scenario, and a while longer.
func (t *trial) act(ctx, watching context.Context, background *sync.WaitGroup, meters readings) error {
	if err := pause(ctx, warmUp); err != nil {
		return err
	}
	if t.scenario.Metered {
		background.Go(func() { meters.follow(watching, t.fleet.member(0)) })
	}
	if err := t.scenario.do(ctx, t); err != nil {
		return err
	}
	return pause(ctx, coolDown)
}

func (t *trial) prepare(ctx context.Context) error {
	if err := os.MkdirAll(t.folder, 0o755); err != nil {
		return fmt.Errorf("folder of the trial: %w", err)
	}
	name := fmt.Sprintf("chaos-%s-%s-%s-%s-%d", t.Scenario, t.Client, t.Protocol, t.Order, t.Seed)
	t.script = verify.Script{
		Brokers: t.cluster.addresses(0), Run: name, Group: name, Input: name + ".in", Output: name + ".out", DeadLetters: name + ".dead",
		GraceMS: grace.Milliseconds(), Order: t.Order,
	}
	for topic, partitions := range map[string]int32{
		t.script.Input: inputPartitions, t.script.Output: inputPartitions, t.script.DeadLetters: deadLetterPartitions,
	} {
		if topic == t.script.DeadLetters && t.scenario.NoDeadLetters {
			continue
		}
		if err := t.cluster.createTopic(ctx, topic, partitions); err != nil {
			return err
		}
	}
	if t.Protocol == Consumer {
		if err := t.cluster.configureGroup(ctx, t.script.Group, t.scenario.session()); err != nil {
			return err
		}
	}
	if _, err := t.cluster.coordinator(ctx, t.script.Group); err != nil { // which creates the offsets log
		return err
	}
	if err := t.awaitOffsetsLog(ctx); err != nil {
		return err
	}
	t.fleet.folder, t.fleet.pipeline = t.folder, filepath.Join(t.folder, "pipeline.yaml")
	return t.writePipeline(t.fleet.pipeline)
}

// awaitOffsetsLog notes where the offsets log ends. After it was created, it takes a moment until all brokers know of it.
func (t *trial) awaitOffsetsLog(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var last error
	err := wait(ctx, "the offsets log", func() bool {
		t.script.OffsetsFrom, last = verify.OffsetsEnds(ctx, t.cluster.client)
		return last == nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// drain waits until everything is committed.
func (t *trial) drain(ctx context.Context) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	left := int64(-1)
	var last error
	err := wait(bounded, "everything to be committed", func() bool {
		left, last = t.cluster.uncommitted(bounded, t.script.Group, t.script.Input)
		return last == nil && left == 0
	})
	if err == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	t.violate("not drained after %s: %d offsets are not committed (%v)", drainTimeout, left, last)
	return false, nil
}

// describeMembers keeps what the members say of a trial that came to no end.
func (t *trial) describeMembers(ctx context.Context) {
	for _, m := range t.fleet.members() {
		for _, what := range []string{"status", "partitions"} {
			_, text, err := m.get(ctx, "/api/v1/"+what)
			if err != nil {
				text = []byte(err.Error())
			}
			_ = os.WriteFile(filepath.Join(t.folder, m.name+"."+what+".json"), text, 0o644) // the findings do not depend on it
		}
	}
}

// check reads what the zombies said, writes the script and has the logs checked.
func (t *trial) check(ctx context.Context) (verify.Report, error) {
	for _, z := range t.zombies {
		var err error
		if z.Successes, err = z.successes(); err != nil {
			return verify.Report{}, err
		}
		t.script.Zombies = append(t.script.Zombies, z.Zombie)
	}
	text, err := json.MarshalIndent(t.script, "", "  ")
	if err == nil {
		err = os.WriteFile(t.file("script.json"), text, 0o644)
	}
	if err != nil {
		return verify.Report{}, fmt.Errorf("write the script: %w", err)
	}
	return t.runCheck(ctx)
}

func (t *trial) file(name string) string { return filepath.Join(t.folder, name) }

// cleanUp deletes the topics and the folder, unless something was found: then the check can be made again.
func (t *trial) cleanUp(ctx context.Context, passed bool) error {
	if !passed {
		return nil
	}
	return errors.Join(t.cluster.forget(ctx, t.script.Group, t.script.Input, t.script.Output, t.script.DeadLetters),
		os.RemoveAll(t.folder))
}
