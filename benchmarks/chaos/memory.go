package chaos

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// meterInterval is how often the survivor's meters are read.
const meterInterval = 2 * time.Second

// The meters that must not grow, and by how much each may: a share of what it was, and never less than the second number.
var meters = []struct {
	name  string
	share float64
	least float64
}{
	{"go_memstats_heap_alloc_bytes", 0.25, 8 << 20},
	{"go_memstats_next_gc_bytes", 0.25, 8 << 20}, // in proportion to what the last collection left
	{"go_goroutines", 0.1, 10},
	{"process_open_fds", 0.1, 10},
	{"process_resident_memory_bytes", 0.25, 48 << 20},
}

// Growth is one meter of the member that lived through the whole storm. The figures are the least of the readings in a
// third of the time, because what is left after a collection counts, and not what waits for one. The first
// fifth of the time is left out, in which the member comes to have what it needs when all partitions are its own.
type Growth struct {
	Meter  string  `json:"meter"`
	Start  float64 `json:"start"`
	Middle float64 `json:"middle"`
	End    float64 `json:"end"`
	Limit  float64 `json:"limit"`
}

// readings are the values of each meter, in time.
type readings map[string][]float64

// follow reads a member's meters until ctx ends.
func (r readings) follow(ctx context.Context, m *member) {
	for pause(ctx, meterInterval) == nil {
		_, text, err := m.get(ctx, "/metrics")
		if err != nil {
			continue // the watcher tells
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
		if err != nil {
			continue
		}
		for _, meter := range meters {
			if family := families[meter.name]; family != nil && len(family.Metric) == 1 {
				r[meter.name] = append(r[meter.name], value(family.Metric[0]))
			}
		}
	}
}

func value(m *dto.Metric) float64 {
	if m.Gauge != nil {
		return m.Gauge.GetValue()
	}
	return m.Untyped.GetValue()
}

// growth compares the thirds of the readings after the first fifth.
func (r readings) growth() (found []Growth, violations []string) {
	const thirds, fewest, warmUpShare = 3, 9, 5
	for _, meter := range meters {
		values := r[meter.name]
		values = values[len(values)/warmUpShare:]
		if len(values) < fewest {
			violations = append(violations, fmt.Sprintf("%s was read %d times only", meter.name, len(values)))
			continue
		}
		n := len(values) / thirds
		g := Growth{
			Meter: meter.name, Start: slices.Min(values[:n]), Middle: slices.Min(values[n : 2*n]), End: slices.Min(values[2*n:]),
		}
		g.Limit = g.Start + max(g.Start*meter.share, meter.least)
		found = append(found, g)
		if g.End > g.Limit {
			violations = append(violations, fmt.Sprintf("%s grew from %.0f to %.0f, beyond %.0f", g.Meter, g.Start, g.End, g.Limit))
		}
	}
	return found, violations
}
