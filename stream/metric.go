package stream

// MetricKind says how a metric behaves.
type MetricKind uint8

// The kinds of metric.
const (
	Counter MetricKind = iota
	Gauge
	Histogram
)

// Metric is one family of measured values at one moment, free of any metrics library.
type Metric struct {
	Name   string // without the prefix "troupe_"
	Help   string
	Kind   MetricKind
	Labels []string
	Values []MetricValue
}

// MetricValue is one member of a family. LabelValues stand in the order of the family's Labels.
type MetricValue struct {
	LabelValues []string
	Value       float64 // counter and gauge
	Count       uint64  // histogram
	Sum         float64 // histogram
	// Buckets of a histogram: cumulative counts by upper bound.
	Buckets []Bucket
}

// Bucket is the number of observations at or below an upper bound.
type Bucket struct {
	UpperBound float64
	Count      uint64
}
