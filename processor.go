package troupe

import (
	"context"
	"errors"
	"hash/maphash"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/clients"
	"github.com/troupe-go/troupe/internal/kafka/properties"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// Processor reads topics as a member of a consumer group and hands the records to a handler. Make it with New. All methods
// may be called from any goroutine.
type Processor struct {
	tree    *supervisor.Tree
	metrics func() []Metric // nil where there are no others
	ran     atomic.Bool
}

// New checks the configuration, all of it, and prepares a processor. It connects to nothing. The error is a *ConfigError.
func New(config Config) (*Processor, error) {
	config = config.withDefaults()
	faults := config.validate()
	client, err := clients.New(clients.Options{
		Name: config.Client, Kafka: config.Kafka, Producer: config.Producer, Logger: config.Logger,
		PrefetchBytes: config.Memory / 4 / int64(max(config.Pollers, 1)),
	})
	var wrong *properties.Error
	switch {
	case clients.Check(config.Client) != nil: // which validate has said
	case errors.As(err, &wrong):
		for _, p := range wrong.Faults {
			faults = append(faults, ConfigFault{Field: "Kafka", Message: p.String()})
		}
	case err != nil:
		faults = append(faults, ConfigFault{Field: "Kafka", Message: err.Error()})
	}
	if len(faults) > 0 {
		return nil, &ConfigError{Faults: faults}
	}
	return newProcessor(config, client), nil
}

// newProcessor builds on a client of the caller's choice.
func newProcessor(config Config, client kafka.Client) *Processor {
	receivers := []func(stream.EventTime){newEventLog(config.Logger).receive}
	if config.OnEvent != nil {
		receivers = append(receivers, config.OnEvent)
	}
	settings := config.settings()
	settings.Start = config.start(client.Reset())
	return &Processor{metrics: config.Metrics, tree: supervisor.New(supervisor.Config{
		Settings: settings, Client: client, Concurrency: config.Concurrency, Memory: config.Memory,
		MaxParked: int64(config.Retry.MaxParked),
		Pollers:   config.Pollers, Receivers: receivers,
		Build: meter.Build{Version: Version(), GoVersion: runtime.Version(), Client: config.Client},
	})}
}

// settings translates a checked Config for the actors.
func (c Config) settings() actors.Settings {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return actors.Settings{
		Name: c.Name, Host: host, Topics: c.Topics, Exclude: c.Exclude, OffsetStore: c.OffsetStore,
		NewHandler: c.newHandler(),
		Partition: core.PartitionConfig{
			Order: map[Order]core.Order{OrderKey: core.ByKey, OrderUnordered: core.Unordered}[c.Order],
			Lanes: lanes(c.Concurrency), KeyHash: keyHash(), MaxParked: parkedOfPartition(c),
			BatchRecords: c.Batch.Records, BatchWait: max(c.Batch.Wait, 0),
			Retry: retry.Policy{
				MaxAttempts: c.Retry.MaxAttempts, Initial: c.Retry.Initial, Max: c.Retry.Max,
				Multiplier: c.Retry.Multiplier, Jitter: max(c.Retry.Jitter, 0),
			},
			FailureRate: core.FailureRatePolicy{
				Rate: c.Circuit.FailureRate, Window: c.Circuit.Window, MinRecords: int64(c.Circuit.MinRecords),
			},
			StuckAfter: max(c.Stuck.After, 0), StuckDeadLetter: c.Stuck.Then == StuckDeadLetter,
			HoldKeys: c.DeadLetter.KeyPolicy == keyPolicyKey, DeadLetterOff: c.DeadLetter.Off, OnErrorDrop: c.DeadLetter.OnError == "drop",
		},
		Committer: core.CommitterConfig{Records: int64(c.Commit.Records), Interval: c.Commit.Interval},
		DeadLetter: actors.DeadLetterSettings{
			Topic: c.DeadLetter.Topic, Envelope: deadletter.Envelope(c.DeadLetter.Envelope),
			Dialect: deadletter.Dialect(c.DeadLetter.Dialect), Create: !c.DeadLetter.NoCreate, Off: c.DeadLetter.Off,
		},
		Timeout: max(c.Timeout, 0), DrainTimeout: c.DrainTimeout, ShutdownTimeout: c.ShutdownTimeout,
	}
}

// lanes is how many runs of records a partition gives away at once: more than can be handled, so that whoever is at the end
// of one finds another, and many where each takes no time.
func lanes(concurrency int) int { return max(2*concurrency, 256) }

// parkedOfPartition is how many records a partition may have parked, 0 for no limit. Those that it has begun count, because
// they may come to wait, and one partition alone must be able to use all handlers.
func parkedOfPartition(c Config) int64 {
	if c.Retry.MaxParked < 0 {
		return 0
	}
	return int64(max(c.Retry.MaxParked/4, c.Concurrency))
}

// keyHash gives equal numbers for equal keys, which nobody outside the process can foretell.
func keyHash() func(key []byte) uint64 {
	seed := maphash.MakeSeed()
	return func(key []byte) uint64 { return maphash.Bytes(seed, key) }
}

// start says where partitions begin that have no valid position. An offset out of range follows the policy for a missing
// one where nothing else is said.
func (c Config) start(reset kafka.Reset) core.OwnershipConfig {
	absent := [...]core.Reset{
		kafka.ResetEarliest: core.ResetEarliest, kafka.ResetLatest: core.ResetLatest, kafka.ResetError: core.ResetError,
	}[reset]
	switch c.OutOfRange {
	case OutOfRangeEarliest:
		return core.OwnershipConfig{Reset: absent, OutOfRange: core.ResetEarliest}
	case OutOfRangeLatest:
		return core.OwnershipConfig{Reset: absent, OutOfRange: core.ResetLatest}
	case OutOfRangeStop:
		return core.OwnershipConfig{Reset: absent, OutOfRange: core.ResetError}
	default:
		return core.OwnershipConfig{Reset: absent, OutOfRange: absent}
	}
}

// Run reads and handles records until ctx ends, and then stops in good order: it fetches no more, lets what is in flight
// finish within ShutdownTimeout, commits, and leaves the group. It returns nil after a clean stop, an *UnfinishedError when
// something did not finish in time, or why the processor failed. When it returns, everything has stopped but what the
// error names. It may be called once.
func (p *Processor) Run(ctx context.Context) error {
	if p.ran.Swap(true) {
		return ErrRunTwice
	}
	return p.tree.Run(ctx)
}

// Abort makes a stop that is under way, or the next one, give up what is in flight. What is not done is not committed.
func (p *Processor) Abort() { p.tree.Abort() }

// Status shows the processor and its partitions as they are now. It waits for no one.
func (p *Processor) Status() Status { return p.tree.Status() }

// Metrics measures the processor, with what Config.Metrics gives, sorted by name. The names are without the prefix
// "troupe_".
func (p *Processor) Metrics() []Metric {
	metrics := p.tree.Metrics()
	if p.metrics != nil {
		metrics = append(metrics, p.metrics()...)
		slices.SortStableFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	}
	return metrics
}

// Pause stops handling records of the partitions, until Resume. It outlasts a rebalance as long as this process lives. The
// error names a partition that is not assigned here; then nothing was paused.
func (p *Processor) Pause(partitions ...Partition) error { return p.tree.SetPaused(true, partitions) }

// Resume undoes Pause.
func (p *Processor) Resume(partitions ...Partition) error {
	return p.tree.SetPaused(false, partitions)
}

// HeldKeys shows the keys whose records go to the dead letters because an earlier one of them is there; see
// DeadLetterPolicy.KeyPolicy.
func (p *Processor) HeldKeys() []HeldKey { return p.tree.HeldKeys() }

// ReleaseKeys lets held keys of a partition go: those with the ids that HeldKeys gives, or all of them where none is named.
// Their next records are handled again; what is in the dead letters stays there. An id that is not held is ignored. The
// error names an id that is none, or says that the partition is not assigned here; then nothing was released.
func (p *Processor) ReleaseKeys(partition Partition, ids ...string) error {
	numbers := make([]uint64, 0, len(ids))
	for _, id := range ids {
		n, err := hold.Parse(id)
		if err != nil {
			return err
		}
		numbers = append(numbers, uint64(n))
	}
	return p.tree.ReleaseKeys(partition, numbers)
}

// Version is the version of troupe in this binary, "devel" where it is not known.
func Version() string {
	const module = "github.com/troupe-go/troupe"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "devel"
}
