package parallel

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/kafka/clients"
)

// Order is what a contender keeps in order; the names are those of troupe's configuration.
type Order string

// The orders.
const (
	ByPartition Order = "partition"
	ByKey       Order = "key"
	Unordered   Order = "unordered"
)

// Program is what a contender runs on.
type Program string

// The programs.
const (
	Troupe Program = "troupe"
	// Floor is a goroutine for each record, bounded by a semaphore, that keeps no order and commits nothing: the least
	// that can be done, and unsafe.
	Floor Program = "go-floor"
	// ParallelConsumer is Confluent's, in a JVM.
	ParallelConsumer Program = "parallel-consumer"
)

// Contender is one row of a table.
type Contender struct {
	Program     Program `json:"program"`
	Order       Order   `json:"order"`
	Concurrency int     `json:"concurrency"`
	Records     int64   `json:"records"`
	// Client is troupe's Kafka client, where it is not the one that the measurement was asked for.
	Client string `json:"client,omitempty"`
	// Poisoned makes one key fail for ever.
	Poisoned bool `json:"poisoned,omitempty"`
}

// Name is the contender's name within a scenario.
func (c Contender) Name() string {
	name := string(c.Program)
	if c.Program != Floor {
		name += "/" + string(c.Order)
	}
	if c.Client != "" {
		name += "/" + c.Client
	}
	if c.Poisoned {
		name += "/poisoned"
	}
	return name
}

// Kind is what a contender does with a topic.
type Kind string

// The kinds.
const (
	// Drain reads a topic that is full from its start to its end.
	Drain Kind = "drain"
	// Poison reads what is being written, at a rate that it can follow.
	Poison Kind = "poison"
	// Parked fails every record once, and lets all wait for their retry.
	Parked Kind = "parked"
)

// Scenario is one question.
type Scenario struct {
	Name       string      `json:"name"`
	About      string      `json:"about"`
	Kind       Kind        `json:"kind"`
	Partitions int32       `json:"partitions"`
	Keys       int         `json:"keys"`
	Contenders []Contender `json:"contenders"`
	// Latency is how long the handler waits.
	Latency time.Duration `json:"latency_ns,omitempty"`
	// WarmUp is how many records each process handles before it is measured, which a JVM needs.
	WarmUp int64 `json:"warm_up_records,omitempty"`
	// Rate is how many records a second are written while they are read.
	Rate int `json:"rate,omitempty"`
	// Baseline names the contender that the others are compared with.
	Baseline string `json:"baseline,omitempty"`
}

// Ideal is the throughput of a contender that loses nothing, in records a second; 0 when the handler does not wait.
func (s Scenario) Ideal(c Contender) float64 {
	if s.Latency == 0 {
		return 0
	}
	atOnce := c.Concurrency
	if c.Order == ByPartition {
		atOnce = min(atOnce, int(s.Partitions))
	}
	return float64(atOnce) / s.Latency.Seconds()
}

// topic is what a contender reads. One that is written while it is read belongs to one run alone.
func (s Scenario) topic(c Contender, round int) Topic {
	switch s.Kind {
	case Drain:
		return newTopic(s.Partitions, s.Keys, c.Records)
	case Poison, Parked:
		own := Topic{
			Name:       fmt.Sprintf("parallel-%s-%s-%t-%d", s.Name, c.Order, c.Poisoned, round),
			Partitions: s.Partitions, Keys: s.Keys, Records: c.Records, Distinct: s.Kind == Parked,
		}
		if s.Kind == Poison {
			own.PoisonEvery = poisonEvery
		}
		return own
	}
	panic("unknown kind of scenario " + s.Kind)
}

// poisonEvery is the share of the poison key: one record of so many. It does not limit the healthy run: at 2,000 records
// a second it is busy for a fifth of the time.
const poisonEvery = 100

// waiting gives the contenders of a scenario whose handler waits.
func waiting(concurrency int, records int64) []Contender {
	return []Contender{
		{Program: Floor, Order: Unordered, Concurrency: concurrency, Records: records},
		{Program: Troupe, Order: ByKey, Concurrency: concurrency, Records: records},
		{Program: Troupe, Order: ByKey, Concurrency: concurrency, Records: records, Client: clients.Franz},
		{Program: Troupe, Order: Unordered, Concurrency: concurrency, Records: records},
		{Program: ParallelConsumer, Order: ByKey, Concurrency: concurrency, Records: records},
		{Program: ParallelConsumer, Order: Unordered, Concurrency: concurrency, Records: records},
	}
}

// Scenarios are all of them. The short ones show that everything works, and measure nothing.
func Scenarios(short bool) []Scenario {
	by := int64(1)
	if short {
		by = 10
	}
	floor := Contender{Program: Floor}.Name()
	return []Scenario{
		{
			Name: "slow-100", About: "a handler that waits 10 ms, 100 at once", Kind: Drain, Partitions: 12, Keys: 100_000,
			Latency: 10 * time.Millisecond, WarmUp: 20_000 / by, Baseline: floor,
			Contenders: append(waiting(100, 20_000/by),
				Contender{Program: Troupe, Order: ByPartition, Concurrency: 100, Records: 4_000 / by}),
		},
		{
			Name: "slow-1000", About: "a handler that waits 10 ms, 1,000 at once", Kind: Drain, Partitions: 12, Keys: 100_000,
			Latency: 10 * time.Millisecond, WarmUp: 50_000 / by, Baseline: floor, Contenders: waiting(1000, 200_000/by),
		},
		{
			Name: "one-partition", About: "one partition and a handler that waits 5 ms, 100 at once", Kind: Drain, Partitions: 1,
			Keys: 1000, Latency: 5 * time.Millisecond, WarmUp: 20_000 / by, Baseline: floor, Contenders: waiting(100, 20_000/by),
		},
		{
			Name: "no-op", About: "a handler that does nothing", Kind: Drain, Partitions: 12, Keys: 100_000, WarmUp: 200_000 / by,
			Baseline: Contender{Program: Troupe, Order: ByPartition}.Name(),
			Contenders: []Contender{
				{Program: Floor, Order: Unordered, Concurrency: 8, Records: 2_000_000 / by},
				{Program: Troupe, Order: ByPartition, Concurrency: 8, Records: 2_000_000 / by},
				{Program: Troupe, Order: ByKey, Concurrency: 8, Records: 2_000_000 / by},
				{Program: Troupe, Order: Unordered, Concurrency: 8, Records: 2_000_000 / by},
				// Far fewer records, which take it as long; and more at once, which is faster for it.
				{Program: ParallelConsumer, Order: ByKey, Concurrency: 64, Records: 200_000 / by},
				{Program: ParallelConsumer, Order: Unordered, Concurrency: 64, Records: 200_000 / by},
			},
		},
		{
			Name: "poison", About: "a handler that waits 10 ms, 100 at once, and one key that fails for ever", Kind: Poison,
			Partitions: 12, Keys: 100_000, Latency: 10 * time.Millisecond, Rate: 2000,
			Contenders: []Contender{
				{Program: Troupe, Order: ByKey, Concurrency: 100, Records: 24_000 / by},
				{Program: Troupe, Order: ByKey, Concurrency: 100, Records: 24_000 / by, Poisoned: true},
			},
		},
		{
			Name: "parked", About: "all records have failed once and wait an hour", Kind: Parked, Partitions: 12,
			Keys: 100_000 / int(by),
			Contenders: []Contender{
				{Program: Troupe, Order: ByKey, Concurrency: 100, Records: 100_000 / by},
				{Program: Troupe, Order: Unordered, Concurrency: 100, Records: 100_000 / by},
			},
		},
	}
}
