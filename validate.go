package troupe

import (
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka/clients"
)

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	setDefault(&c.Client, clients.Default())
	setDefault(&c.Name, c.Kafka["group.id"])
	setDefault(&c.Order, OrderPartition)
	setDefault(&c.Concurrency, 8)
	if c.batches() {
		setDefault(&c.Batch.Records, 500)
		setDefault(&c.Batch.Wait, 50*time.Millisecond)
	}
	setDefault(&c.Timeout, 30*time.Second)
	setDefault(&c.Stuck.After, 5*time.Minute)
	setDefault(&c.Stuck.Then, StuckFail)
	setDefault(&c.Retry.MaxAttempts, 3)
	setDefault(&c.Retry.Initial, 2*time.Second)
	setDefault(&c.Retry.Multiplier, 2)
	setDefault(&c.Retry.Max, time.Minute)
	setDefault(&c.Retry.Jitter, 0.2)
	setDefault(&c.Retry.MaxParked, 100_000)
	setDefault(&c.Circuit.Window, 30*time.Second)
	setDefault(&c.Circuit.MinRecords, 100)
	setDefault(&c.DeadLetter.Envelope, string(deadletter.JSON))
	setDefault(&c.DeadLetter.Dialect, string(deadletter.Native))
	setDefault(&c.DeadLetter.KeyPolicy, keyPolicyRecord)
	setDefault(&c.Commit.Records, 500)
	setDefault(&c.Commit.Interval, 5*time.Second)
	setDefault(&c.Memory, 256<<20)
	setDefault(&c.Pollers, 1)
	setDefault(&c.DrainTimeout, 10*time.Second)
	setDefault(&c.ShutdownTimeout, 25*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// faults gathers what is wrong.
type faults []ConfigFault

func (f *faults) check(ok bool, field, format string, args ...any) {
	if !ok {
		*f = append(*f, ConfigFault{Field: field, Message: fmt.Sprintf(format, args...)})
	}
}

// validate gives everything that is wrong with a Config whose defaults are filled in.
func (c Config) validate() faults {
	var f faults
	c.validateHandler(&f)
	err := clients.Check(c.Client)
	f.check(err == nil, "Client", "%v", err)
	f.check(slices.Contains([]Order{OrderPartition, OrderKey, OrderUnordered}, c.Order), "Order",
		"%q is none of \"partition\", \"key\", \"unordered\"", c.Order)
	f.check(slices.Contains([]OutOfRange{"", OutOfRangeEarliest, OutOfRangeLatest, OutOfRangeStop}, c.OutOfRange), "OutOfRange",
		"%q is none of \"earliest\", \"latest\", \"stop\"", c.OutOfRange)
	f.check(c.Concurrency >= 1 && c.Concurrency <= 4096, "Concurrency", "%d is not from 1 to 4096", c.Concurrency)
	f.check(c.Pollers >= 1 && c.Pollers <= 64, "Pollers", "%d is not from 1 to 64", c.Pollers)
	f.check(c.Memory >= 1<<20, "Memory", "%d bytes are too few; at least 1 MiB", c.Memory)
	f.check(c.DrainTimeout > 0, "DrainTimeout", "must be positive")
	f.check(c.ShutdownTimeout > 0, "ShutdownTimeout", "must be positive")
	f.check(c.Stuck.Then == StuckFail || c.Stuck.Then == StuckDeadLetter, "Stuck.Then", "%q is neither \"fail\" nor \"dead-letter\"", c.Stuck.Then)
	f.check(c.Commit.Records > 0, "Commit.Records", "must be positive")
	f.check(c.Commit.Interval > 0, "Commit.Interval", "must be positive")
	c.validateRetry(&f)
	f.check(c.Circuit.FailureRate >= 0 && c.Circuit.FailureRate <= 1, "Circuit.FailureRate", "%v is not from 0 to 1", c.Circuit.FailureRate)
	f.check(c.Circuit.Window > 0, "Circuit.Window", "must be positive")
	f.check(c.Circuit.MinRecords > 0, "Circuit.MinRecords", "must be positive")
	c.validateTopics(&f)
	c.validateDeadLetter(&f)
	return f
}

func (c Config) validateRetry(f *faults) {
	r := c.Retry
	f.check(r.Initial > 0, "Retry.Initial", "must be positive")
	f.check(r.Max >= r.Initial, "Retry.Max", "%s is below Retry.Initial (%s)", r.Max, r.Initial)
	f.check(r.Multiplier >= 1 && !math.IsInf(r.Multiplier, 0) && !math.IsNaN(r.Multiplier), "Retry.Multiplier", "must be at least 1")
	f.check(r.MaxParked < 0 || c.Order == OrderPartition || r.MaxParked >= c.Concurrency, "Retry.MaxParked",
		"%d is below Concurrency (%d), and each record that is being handled may come to wait for a retry", r.MaxParked, c.Concurrency)
	f.check(r.Jitter <= 1 && !math.IsNaN(r.Jitter), "Retry.Jitter", "must be at most 1; a negative one is none")
}

func (c Config) validateTopics(f *faults) {
	f.check(len(c.Topics) > 0, "Topics", "name at least one topic, or one regular expression beginning with ^")
	patterns := 0
	for _, t := range c.Topics {
		if !strings.HasPrefix(t, "^") {
			f.check(legalTopic(t), "Topics", "%q is not a legal topic name", t)
			continue
		}
		patterns++
		_, err := regexp.Compile(t)
		f.check(err == nil, "Topics", "%v", err)
	}
	f.check(patterns == 0 || len(c.Topics) == 1, "Topics", "a regular expression must be the only entry")
	if c.DeadLetter.Topic != "" {
		f.check(!slices.Contains(c.Topics, c.DeadLetter.Topic), "DeadLetter.Topic", "%s is an input too, which would be a loop", c.DeadLetter.Topic)
	}
}

func (c Config) validateDeadLetter(f *faults) {
	d := c.DeadLetter
	_, err := deadletter.ParseEnvelope(d.Envelope)
	f.check(err == nil, "DeadLetter.Envelope", "%v", err)
	_, err = deadletter.ParseDialect(d.Dialect)
	f.check(err == nil, "DeadLetter.Dialect", "%v", err)
	f.check(d.Topic == "" || legalTopic(d.Topic), "DeadLetter.Topic", "%q is not a legal topic name", d.Topic)
	f.check(d.KeyPolicy == keyPolicyRecord || d.KeyPolicy == keyPolicyKey, "DeadLetter.KeyPolicy", "%q is neither \"record\" nor \"key\"", d.KeyPolicy)
	if d.KeyPolicy == keyPolicyKey {
		f.check(c.Order != OrderUnordered, "DeadLetter.KeyPolicy", "\"key\" keeps an order, and Order is \"unordered\"")
		f.check(!d.Off, "DeadLetter.KeyPolicy", "\"key\" only makes sense with dead letters")
	}
	if d.Off {
		f.check(d.OnError == "stop" || d.OnError == "drop", "DeadLetter.OnError", "say \"stop\" or \"drop\" when dead letters are off")
	} else {
		f.check(d.OnError == "", "DeadLetter.OnError", "only makes sense when DeadLetter.Off is set")
	}
}

// Whether a dead letter is of its record alone, or holds its key.
const (
	keyPolicyRecord = "record"
	keyPolicyKey    = "key"
)

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func legalTopic(name string) bool { return topicName.MatchString(name) && name != "." && name != ".." }
