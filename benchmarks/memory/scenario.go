package memory

import "fmt"

// Fault is what is wrong.
type Fault string

// The faults.
const (
	// Stuck: the handlers of the faulty partitions do not return.
	Stuck Fault = "stuck"
	// Failing: every attempt at a record of the faulty partitions fails, and is to be tried again.
	Failing Fault = "failing"
	// Down: every attempt says that a dependency is unavailable.
	Down Fault = "down"
	// NoOutputs: every record has outputs, and the brokers do not take them.
	NoOutputs Fault = "no-outputs"
	// NoDeadLetters: no record of the faulty partitions can be handled, and their dead-letter topic is missing.
	NoDeadLetters Fault = "no-dead-letters"
)

// Values are what the values of a topic look like.
type Values string

// The kinds of values.
const (
	// Random cannot be compressed.
	Random Values = "random"
	// Repeated are the same kilobyte over and over, so that zstd makes a few kilobytes of a mebibyte.
	Repeated Values = "repeated"
)

// Topic is a backlog.
type Topic struct {
	Name       string `json:"name"`
	Partitions int32  `json:"partitions"`
	Records    int64  `json:"records"`
	ValueBytes int    `json:"value_bytes"`
	Values     Values `json:"values"`
}

// keys is how many keys each partition has.
const keys = 1000

func newTopic(partitions int32, records int64, valueBytes int, values Values) Topic {
	return Topic{
		Name:       fmt.Sprintf("memory-%dp-%dr-%db-%s", partitions, records, valueBytes, values),
		Partitions: partitions, Records: records, ValueBytes: valueBytes, Values: values,
	}
}

// of is how many records a partition has.
func (t Topic) of(partition int32) int64 {
	n := t.Records / int64(t.Partitions)
	if int64(partition) < t.Records%int64(t.Partitions) {
		n++
	}
	return n
}

// Scenario is one question.
type Scenario struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Topic Topic  `json:"topic"`
	Order string `json:"order"`
	// Memory is the budget.
	Memory int64 `json:"memory"`
	// Base is what may be resident beside twice that. Zero is 128 MiB.
	Base  int64 `json:"base,omitempty"`
	Fault Fault `json:"fault"`
	// Faulty is how many partitions the fault is about, from the first on; the others are healthy.
	Faulty int32 `json:"faulty"`
	// Outputs is how many outputs each record has, each with the record's value.
	Outputs int `json:"outputs,omitempty"`
	// Cause is what a faulty partition must say of itself.
	Cause string `json:"cause"`
}

// healthy is how many records nothing is wrong with.
func (s Scenario) healthy() int64 {
	n := int64(0)
	for p := s.Faulty; p < s.Topic.Partitions; p++ {
		n += s.Topic.of(p)
	}
	return n
}

// Scenarios are all of them. The short ones show that everything works: the budget is as tight, the backlog smaller.
func Scenarios(short bool) []Scenario {
	by := int64(1)
	if short {
		by = 10
	}
	const mebibyte = 1 << 20
	small := newTopic(12, 1_000_000/by, 100, Random)
	memory := max(64*mebibyte/by, 12*mebibyte)
	usual := max(256*mebibyte/by, 16*mebibyte) // what it is by default
	kilobytes := newTopic(12, 200_000/by, 1000, Random)
	large := newTopic(12, max(600/by, 300), mebibyte, Random)
	packed := newTopic(12, 3_000/by, mebibyte, Repeated)
	return []Scenario{
		{
			Name: "backlog-stuck", About: "no handler returns", Topic: small, Order: "partition", Memory: usual,
			Fault: Stuck, Faulty: 12, Cause: "memory-full",
		},
		{
			Name: "backlog-stuck-key", About: "no handler returns, in key order", Topic: small, Order: "key", Memory: usual,
			Fault: Stuck, Faulty: 12, Cause: "memory-full",
		},
		{
			Name: "one-stuck", About: "the handlers of one partition do not return", Topic: small, Order: "partition", Memory: 32 * mebibyte / by,
			Fault: Stuck, Faulty: 1, Cause: "memory-full",
		},
		{
			Name: "parked", About: "in half of the partitions every record waits for a retry, or behind one that does", Topic: small, Order: "key",
			Memory: usual, Fault: Failing, Faulty: 6, Cause: "retry-backoff",
		},
		{
			Name: "circuit", About: "a dependency is down, for all records", Topic: small, Order: "key", Memory: usual,
			Fault: Down, Faulty: 12, Cause: "dependency-down",
		},
		{
			Name: "outputs", About: "three outputs of each record, which the brokers do not take", Topic: kilobytes, Order: "partition",
			Memory: memory, Fault: NoOutputs, Faulty: 12, Outputs: 3, Cause: "output-unavailable",
		},
		{
			Name: "dead-letters", About: "in half of the partitions no record can be handled, and the dead-letter topic is missing",
			Topic: kilobytes, Order: "key", Memory: memory, Fault: NoDeadLetters, Faulty: 6, Cause: "dead-letter-unavailable",
		},
		{
			Name: "large", About: "values of 1 MiB, and no handler returns", Topic: large, Order: "key", Memory: 64 * mebibyte,
			Fault: Stuck, Faulty: 12, Cause: "memory-full",
		},
		{
			Name: "large-parked", About: "values of 1 MiB; half of the partitions retry", Topic: large, Order: "key", Memory: 64 * mebibyte,
			Fault: Failing, Faulty: 6, Cause: "retry-backoff",
		},
		{
			Name: "compressed", About: "values of 1 MiB in batches of a few kB, and no handler returns", Topic: packed, Order: "key",
			Memory: 64 * mebibyte, Fault: Stuck, Faulty: 12, Cause: "memory-full",
		},
	}
}
