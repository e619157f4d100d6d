package meter

import (
	"time"

	"github.com/troupe-go/troupe/stream"
)

// What became of a request to a schema registry.
const (
	// RegistryAnswered: it gave what was asked for.
	RegistryAnswered = "answered"
	// RegistryUnknown: it has no such schema or subject.
	RegistryUnknown = "unknown"
	// RegistryRefused: it did not accept the request: credentials, a schema that is not compatible.
	RegistryRefused = "refused"
	// RegistryFailed: no connection, no answer in time, or one that is no registry's.
	RegistryFailed = "failed"
)

// RegistryUse is how a schema registry was used so far, and what is kept of it.
type RegistryUse struct {
	WhileAway, DiskFailures int64
	Schemas                 int
	SchemaBytes             int64
}

// Registry counts what is asked of a schema registry. All methods may be called from any goroutine.
type Registry struct {
	meter    Meter
	requests *series[Counter]
	duration *series[Histogram]
}

// NewRegistry gives a Registry at zero.
func NewRegistry() *Registry {
	r := &Registry{}
	r.requests = r.meter.counter("registry_requests_total", "Requests to the schema registry.",
		[]string{RegistryAnswered, RegistryUnknown, RegistryRefused, RegistryFailed}, "result")
	r.duration = r.meter.histogram("registry_request_duration_seconds", "Time of one request to the schema registry.", transitions(), nil)
	return r
}

// Requested counts a request that has ended.
func (r *Registry) Requested(result string, took time.Duration) {
	r.requests.with(result, "").Inc()
	r.duration.with("", "").Observe(took.Seconds())
}

// Snapshot is everything measured, sorted by name.
func (r *Registry) Snapshot(use RegistryUse) []stream.Metric {
	metrics := make([]stream.Metric, 0, len(r.meter.all)+len(registryFamilies()))
	for _, s := range r.meter.all {
		metrics = append(metrics, s.snapshot())
	}
	for _, d := range registryFamilies() {
		metrics = append(metrics, d.metric([]stream.MetricValue{{LabelValues: []string{}, Value: d.read(use)}}))
	}
	sortByName(metrics)
	return metrics
}

// registryFamily is a metric that is read from a RegistryUse.
type registryFamily struct {
	family
	read func(RegistryUse) float64
}

func registryFamilies() []registryFamily {
	return []registryFamily{
		{
			family{
				name: "registry_answers_while_away_total", kind: stream.Counter,
				help: "Questions answered from disk, or with a subject's last known schema, because the schema registry was away.",
			},
			func(u RegistryUse) float64 { return float64(u.WhileAway) },
		},
		{
			family{
				name: "registry_disk_failures_total", kind: stream.Counter,
				help: "Files of the schema registry's `cache_dir` that could not be read or written.",
			},
			func(u RegistryUse) float64 { return float64(u.DiskFailures) },
		},
		{
			family{name: "registry_schemas", help: "Schemas in memory.", kind: stream.Gauge},
			func(u RegistryUse) float64 { return float64(u.Schemas) },
		},
		{
			family{name: "registry_schema_bytes", help: "About the bytes of the schemas in memory.", kind: stream.Gauge},
			func(u RegistryUse) float64 { return float64(u.SchemaBytes) },
		},
	}
}
