package troupe

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

func TestMetricsOfTheConfigurationAreShownAmongTheProcessorsOwn(t *testing.T) {
	t.Parallel()
	config := Config{
		Client: "franz", Kafka: Properties{"bootstrap.servers": "localhost:9092", "group.id": "g"}, Topics: []string{"orders"},
		Handler: HandlerFunc(func(context.Context, *Record) error { return nil }),
	}
	plain, err := New(config)
	require.NoError(t, err)
	config.Metrics = func() []Metric {
		return []Metric{{Name: "registry_schemas", Kind: stream.Gauge, Values: []stream.MetricValue{{Value: 3}}}}
	}
	more, err := New(config)
	require.NoError(t, err)
	own, all := plain.Metrics(), more.Metrics()
	require.Len(t, all, len(own)+1)
	require.True(t, slices.IsSortedFunc(all, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) }))
	require.True(t, slices.ContainsFunc(all, func(m Metric) bool { return m.Name == "registry_schemas" && m.Values[0].Value == 3 }))
}
