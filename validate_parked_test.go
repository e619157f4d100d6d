package troupe

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParkedRecordsLeaveRoomForAllHandlers(t *testing.T) {
	t.Parallel()
	config := Config{
		Kafka: Properties{"bootstrap.servers": "localhost:9092", "group.id": "g"}, Topics: []string{"orders"}, Order: OrderKey, Concurrency: 100,
		Handler: HandlerFunc(func(context.Context, *Record) error { return nil }),
	}
	for parked, ofPartition := range map[int]int64{0: 25_000, 1000: 250, 100: 100, -1: 0} {
		config.Retry.MaxParked = parked
		filled := config.withDefaults()
		require.Empty(t, filled.validate(), parked)
		require.Equal(t, ofPartition, filled.settings().Partition.MaxParked, "with %d in the process", parked)
	}

	config.Retry.MaxParked = 99
	faults := config.withDefaults().validate()
	require.Len(t, faults, 1)
	require.Equal(t, "Retry.MaxParked", faults[0].Field)
	require.Contains(t, faults[0].Message, "99 is below Concurrency (100)")

	config.Order = OrderPartition
	require.Empty(t, config.withDefaults().validate(), "nothing is parked in partition order")
}
