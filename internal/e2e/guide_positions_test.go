package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
)

// trim deletes the records of the input's first partition below an offset, as retention does.
func (w *world) trim(offset int64) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: w.in, Partition: 0, At: offset})
	answer, err := w.admin.DeleteRecords(ctx, offsets)
	require.NoError(w.t, err)
	require.NoError(w.t, answer.Error())
}

// overtaken leaves a group that has committed 10, and a log that begins at 15 and ends at 30.
func overtaken(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, 1)
	w.produce(orders(0, 0, 10)...)
	p := w.run("--set", "commit.interval=100ms")
	p.untilCommitted(w, 0, 10)
	p.stop()
	w.produce(orders(0, 10, 20)...)
	w.trim(15)
	return w
}

func TestOffsetsThatRetentionDeletedFollowThePolicyAndAreReported(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		policy string
		chosen int64
		want   []string
	}{
		{"earliest", 15, append(numbers(0, 10), numbers(15, 16)...)},
		{"latest", 30, append(numbers(0, 10), numbers(30, 1)...)},
	} {
		t.Run(test.policy, func(t *testing.T) {
			t.Parallel()
			w := overtaken(t)
			p := w.run("--set", "offset_out_of_range="+test.policy, "--set", "commit.interval=100ms")
			e := p.event("out-of-range", nil)
			require.Equal(t, int64(10), e.Position)
			require.Equal(t, test.chosen, e.Chosen)
			p.event("started", nil)
			w.produce(orders(0, 30, 1)...)
			p.untilCommitted(w, 0, 31)
			require.Equal(t, test.want, w.values(w.out, len(test.want)))
			p.stop()
		})
	}
}

func TestWithThePolicyStopNothingIsSkippedAndThePartitionSaysWhy(t *testing.T) {
	t.Parallel()
	w := overtaken(t)
	p := w.run("--set", "offset_out_of_range=stop")
	require.Equal(t, int64(-1), p.event("out-of-range", nil).Chosen)
	p.untilAnswer("/api/v1/partitions", func(_ int, body string) bool { return strings.Contains(body, `"offset-out-of-range"`) })
	status, _ := p.get("/healthz")
	require.Equal(t, http.StatusOK, status)
	p.stop()
	require.Equal(t, int64(10), w.committed(0))
}

// The new topic holds more than the old one did, so no position is outside it: only the topic's id tells.
func TestATopicThatIsDeletedAndMadeAgainIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(orders(0, 0, 10)...)
	p := w.run("--set", "commit.interval=100ms", "--set", "kafka.topic.metadata.refresh.interval.ms=1000")
	p.untilCommitted(w, 0, 10)
	ctx, cancel := w.context()
	defer cancel()
	_, err := w.admin.DeleteTopic(ctx, w.in)
	require.NoError(t, err)
	w.client.PurgeTopicsFromClient(w.in) // it knows the old topic's id
	w.createTopic(w.in, 1)
	w.produce(orders(0, 100, 50)...)
	p.event("topic-recreated", nil)
	p.untilCommitted(w, 0, 50)
	seen := make(map[string]bool)
	for _, value := range w.values(w.out, 60) {
		seen[value] = true
	}
	for n := 100; n < 150; n++ {
		require.True(t, seen[fmt.Sprintf(`{"n": %d}`, n)], "record %d of the new topic", n)
	}
	p.stop()
}
