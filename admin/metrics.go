package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/troupe-go/troupe/stream"
)

// Prefix begins the name of every metric of the processor.
const Prefix = "troupe_"

func newRegistry(p Processor) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{processor: p},
	)
	return registry
}

// metrics answers with as much as can be gathered: one faulty family must not blind the whole dashboard.
func (s *Server) metrics() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            s.registry,
		MaxRequestsInFlight: scrapesMax,
		EnableOpenMetrics:   true,
	})
}

// collector turns a processor's metrics into Prometheus' own at each scrape.
type collector struct {
	processor Processor
}

// Describe names nothing, which makes the collector an unchecked one: its members come and go with the assignment.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends what the processor shows now.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	families, err := c.read()
	if err != nil {
		out <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
	for _, family := range families {
		desc := prometheus.NewDesc(Prefix+family.Name, family.Help, family.Labels, nil)
		for i := range family.Values {
			metric, err := constant(desc, family.Kind, &family.Values[i])
			if err != nil {
				metric = prometheus.NewInvalidMetric(desc, err)
			}
			out <- metric
		}
	}
}

// read keeps a panic from taking the process along: the registry collects on goroutines that nobody recovers.
func (c *collector) read() (families []stream.Metric, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("reading the processor's metrics: panic: %v", reason)
		}
	}()
	return c.processor.Metrics(), nil
}

func constant(desc *prometheus.Desc, kind stream.MetricKind, v *stream.MetricValue) (prometheus.Metric, error) {
	labels := make([]string, len(v.LabelValues))
	for i, label := range v.LabelValues {
		labels[i] = strings.ToValidUTF8(label, "\uFFFD") // names of dependencies come from user code
	}
	switch kind {
	case stream.Counter:
		return prometheus.NewConstMetric(desc, prometheus.CounterValue, v.Value, labels...)
	case stream.Histogram:
		buckets := make(map[float64]uint64, len(v.Buckets))
		for _, b := range v.Buckets {
			buckets[b.UpperBound] = b.Count
		}
		return prometheus.NewConstHistogram(desc, v.Count, v.Sum, buckets, labels...)
	case stream.Gauge:
		return prometheus.NewConstMetric(desc, prometheus.GaugeValue, v.Value, labels...)
	default:
		return prometheus.NewConstMetric(desc, prometheus.UntypedValue, v.Value, labels...)
	}
}
