package stream_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

func TestEventIsOneFlatObject(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 80_000_000, time.UTC)
	orders := stream.Partition{Topic: "orders", Number: 3}
	for name, c := range map[string]struct {
		event stream.Event
		want  string
	}{
		"of one partition": {
			stream.CauseChanged{Partition: orders, Epoch: 17, From: stream.Flowing, To: stream.RetryBackoff},
			`{"time":"2026-03-04T05:06:07.08Z","event":"cause-changed","topic":"orders","partition":3,"epoch":17,` +
				`"from":"flowing","to":"retry-backoff"}`,
		},
		"of many partitions": {
			stream.Committed{Offsets: []stream.CommittedOffset{{Partition: orders, Epoch: 17, Offset: 5}}, Records: 2, DurationMS: 1.5},
			`{"time":"2026-03-04T05:06:07.08Z","event":"committed","offsets":[{"topic":"orders","partition":3,"epoch":17,"offset":5}],` +
				`"records":2,"duration_ms":1.5}`,
		},
		"with text that HTML would escape": {
			stream.Dropped{Partition: orders, Error: "<a> & \"b\"\n"},
			`{"time":"2026-03-04T05:06:07.08Z","event":"dropped","topic":"orders","partition":3,"epoch":0,"offset":0,` +
				`"error":"<a> & \"b\"\n"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := stream.EventTime{Time: at, Event: c.event}
			got, err := e.MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))

			_, err = json.Marshal(e) // which checks that it is JSON
			require.NoError(t, err)
		})
	}
}
