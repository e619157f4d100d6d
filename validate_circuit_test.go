package troupe

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCircuitPolicyIsCheckedAndFilledIn(t *testing.T) {
	t.Parallel()
	config := Config{
		Kafka: Properties{"bootstrap.servers": "localhost:9092", "group.id": "g"}, Topics: []string{"orders"},
		Handler: HandlerFunc(func(context.Context, *Record) error { return nil }),
	}
	filled := config.withDefaults()
	require.Equal(t, CircuitPolicy{Window: 30 * time.Second, MinRecords: 100}, filled.Circuit)
	require.Empty(t, filled.validate())
	require.Zero(t, filled.settings().Partition.FailureRate.Rate, "off")
	for _, rate := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		config.Circuit = CircuitPolicy{FailureRate: rate, Window: -1, MinRecords: -1}
		var fields []string
		for _, f := range config.withDefaults().validate() {
			fields = append(fields, f.Field)
		}
		require.Equal(t, []string{"Circuit.FailureRate", "Circuit.Window", "Circuit.MinRecords"}, fields, rate)
	}
	config.Circuit = CircuitPolicy{FailureRate: 0.5, Window: time.Second, MinRecords: 7}
	policy := config.withDefaults().settings().Partition.FailureRate
	require.InDelta(t, 0.5, policy.Rate, 0)
	require.Equal(t, time.Second, policy.Window)
	require.EqualValues(t, 7, policy.MinRecords)
}
