package meter

import (
	"strconv"

	"github.com/troupe-go/troupe/stream"
)

// derived is a family whose values are computed from a status.
type derived struct {
	family
	values func(*stream.Status) []stream.MetricValue
}

// StatusMetrics are the metrics that are read from a processor's status, sorted by name; those of partitions in the
// status's order. A value that is not known yet is left out: a lag of zero would say that all is well.
func StatusMetrics(status stream.Status) []stream.Metric {
	families := derivedFamilies()
	metrics := make([]stream.Metric, len(families))
	for i := range families {
		metrics[i] = families[i].metric(families[i].values(&status))
	}
	sortByName(metrics)
	return metrics
}

func derivedFamilies() []derived {
	partition := []string{"topic", "partition"}
	gauge := func(name, help string, labels []string, values func(*stream.Status) []stream.MetricValue) derived {
		return derived{family{name: name, help: help, kind: stream.Gauge, labels: labels}, values}
	}
	ledger := gauge("ledger_records",
		"Records of the present incarnation of a partition, by where they are; their sum is what it has received.",
		append(partition[:2:2], "state"), ledgerRecords)
	ledger.words = stateNames()
	cause := gauge("partition_cause", "Why a partition stands where it stands: 1 for the present cause.",
		append(partition[:2:2], "cause"), partitionCause)
	cause.words = causeNames()
	memory := gauge("memory_bytes", "The byte budget; used is the sum of records between poll and end, outputs and dead letters that "+
		"wait to be acknowledged.", []string{"state"}, memoryBytes)
	memory.words = []string{"used", "records", "outputs", "dead-letters", "limit"}
	return []derived{
		gauge("consumer_lag_records", "Offsets between the committed position and the end of the log.", partition, consumerLag),
		gauge("consumer_lag_seconds", "Age of the oldest unfinished record by its own timestamp; 0 when there is none.", partition, lagSeconds),
		gauge("consumer_assigned_partitions", "Partitions that this process owns.", nil, assignedPartitions),
		gauge("commit_gap_records", "Offsets that are done but not committed yet.", partition, commitGap),
		ledger,
		cause,
		gauge("faults", "What makes the health check fail; 0 when the processor is healthy.", nil, faults),
		gauge("inflight_records", "Handlers running now.", nil, inflight),
		memory,
		gauge("circuit_state", "The circuit of a dependency: 1 while it is down, 0 otherwise.", []string{"name"}, circuitState),
	}
}

func stateNames() []string {
	names := make([]string, stream.StateCount)
	for i := range names {
		names[i] = stream.State(i).String()
	}
	return names
}

func causeNames() []string {
	names := make([]string, stream.CauseCount)
	for i := range names {
		names[i] = stream.Cause(i).String()
	}
	return names
}

// eachPartition gathers one value per partition; read says whether it is known.
func eachPartition(s *stream.Status, read func(*stream.PartitionStatus) (float64, bool)) []stream.MetricValue {
	values := make([]stream.MetricValue, 0, len(s.Partitions))
	for i := range s.Partitions {
		if v, known := read(&s.Partitions[i]); known {
			values = append(values, stream.MetricValue{LabelValues: partitionLabels(&s.Partitions[i]), Value: v})
		}
	}
	return values
}

func partitionLabels(p *stream.PartitionStatus, more ...string) []string {
	labels := make([]string, 0, 2+len(more))
	labels = append(labels, p.Partition.Topic, strconv.FormatInt(int64(p.Partition.Number), 10))
	return append(labels, more...)
}

func single(v float64) []stream.MetricValue { return []stream.MetricValue{{Value: v}} }

func consumerLag(s *stream.Status) []stream.MetricValue {
	return eachPartition(s, func(p *stream.PartitionStatus) (float64, bool) {
		lag := p.Lag()
		return float64(lag), lag >= 0
	})
}

func lagSeconds(s *stream.Status) []stream.MetricValue {
	return eachPartition(s, func(p *stream.PartitionStatus) (float64, bool) { return max(p.LagSeconds, 0), true })
}

func assignedPartitions(s *stream.Status) []stream.MetricValue {
	return single(float64(len(s.Partitions)))
}

func commitGap(s *stream.Status) []stream.MetricValue {
	return eachPartition(s, func(p *stream.PartitionStatus) (float64, bool) {
		position := max(p.Committed, p.Start)
		return float64(max(p.Watermark-position, 0)), p.Watermark >= 0 && position >= 0
	})
}

func ledgerRecords(s *stream.Status) []stream.MetricValue {
	values := make([]stream.MetricValue, 0, len(s.Partitions)*stream.StateCount)
	for i := range s.Partitions {
		p := &s.Partitions[i]
		for state, n := range p.Ledger.States {
			values = append(values, stream.MetricValue{
				LabelValues: partitionLabels(p, stream.State(state).String()), Value: float64(n),
			})
		}
	}
	return values
}

func partitionCause(s *stream.Status) []stream.MetricValue {
	values := make([]stream.MetricValue, len(s.Partitions))
	for i := range s.Partitions {
		p := &s.Partitions[i]
		values[i] = stream.MetricValue{LabelValues: partitionLabels(p, p.Cause.String()), Value: 1}
	}
	return values
}

func faults(s *stream.Status) []stream.MetricValue { return single(float64(len(s.Faults))) }

func inflight(s *stream.Status) []stream.MetricValue { return single(float64(s.InFlight)) }

func memoryBytes(s *stream.Status) []stream.MetricValue {
	return []stream.MetricValue{
		{LabelValues: []string{"dead-letters"}, Value: float64(s.MemoryDeadLetters)},
		{LabelValues: []string{"limit"}, Value: float64(s.MemoryLimit)},
		{LabelValues: []string{"outputs"}, Value: float64(s.MemoryOutputs)},
		{LabelValues: []string{"records"}, Value: float64(max(0, s.MemoryUsed-s.MemoryOutputs-s.MemoryDeadLetters))},
		{LabelValues: []string{"used"}, Value: float64(s.MemoryUsed)},
	}
}

func circuitState(s *stream.Status) []stream.MetricValue {
	values := make([]stream.MetricValue, len(s.Circuits))
	for i, c := range s.Circuits {
		open := 0.0
		if c.Open {
			open = 1
		}
		values[i] = stream.MetricValue{LabelValues: []string{c.Name}, Value: open}
	}
	return values
}
