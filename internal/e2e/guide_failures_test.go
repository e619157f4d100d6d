package e2e

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestThreeAttemptsWithTwoAndFourSecondsBetweenThenDeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	// A jq program without end: the attempt's timeout is what ends it, and that is worth another try. The more a value has,
	// the longer may a program work on it before it is refused for that.
	slow := `{"slow": "` + strings.Repeat("x", 700_000) + `"}`
	w.produce(append(orders(0, 0, 1), &kgo.Record{Key: []byte("slow"), Value: []byte(slow)})...)
	w.produce(orders(0, 2, 1)...)
	p := w.run("--set", "timeout=5ms", "--set", "commit.interval=100ms", "--set", `steps=[{filter: 'if .slow then last(range(1e12)) > 0 else true end'}]`)

	letter := p.event("dead-lettered", nil)
	retried := p.eventsOf("retried")
	require.Len(t, retried, 2)
	require.Equal(t, []int32{1, 2}, []int32{retried[0].Attempt, retried[1].Attempt})
	require.Equal(t, []int64{2000, 4000}, []int64{retried[0].DelayMS, retried[1].DelayMS})
	for _, wait := range []struct{ least, took time.Duration }{
		{2 * time.Second, retried[1].Time.Sub(retried[0].Time)},
		{4 * time.Second, letter.Time.Sub(retried[1].Time)},
	} {
		require.GreaterOrEqual(t, wait.took, wait.least)
		require.Less(t, wait.took, wait.least+5*time.Second)
	}
	require.Equal(t, int64(1), letter.Offset)
	require.Equal(t, int32(3), letter.Attempts)
	require.Equal(t, "exhausted", letter.Reason)

	p.untilCommitted(w, 0, 3)
	p.stop()
	require.Equal(t, []string{`{"n": 0}`, `{"n": 2}`}, w.values(w.out, 2), "in order, and the poison left out")
	letters := w.read(w.dead, 1)
	require.Len(t, letters, 1)
	require.Equal(t, "slow", string(letters[0].Key))
}

func TestBrokenJSONBecomesADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	broken := `{"n": 1, "customer": "Ana`
	w.produce(orders(0, 0, 1)...)
	w.produce(&kgo.Record{
		Key: []byte("the key"), Value: []byte(broken), Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("abc")}},
	})
	w.produce(orders(0, 2, 1)...)
	p := w.run("--set", "commit.interval=100ms")

	letter := p.event("dead-lettered", nil)
	require.Equal(t, int64(1), letter.Offset)
	require.Equal(t, int32(1), letter.Attempts)
	require.Equal(t, "decode", letter.Reason)
	p.untilCommitted(w, 0, 3)
	require.Empty(t, p.eventsOf("retried"))
	p.stop()

	require.Equal(t, []string{`{"n": 0}`, `{"n": 2}`}, w.values(w.out, 2))
	letters := w.read(w.dead, 1)
	require.Len(t, letters, 1)
	require.Equal(t, "the key", string(letters[0].Key))
	require.Contains(t, letters[0].Headers, kgo.RecordHeader{Key: "trace", Value: []byte("abc")})
	requireLetter(t, letters[0].Value, w.in, 1, broken)
}

// requireLetter checks the fields that every JSON dead letter begins with.
func requireLetter(t *testing.T, letter []byte, topic string, offset int64, payload string) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(letter))
	_, err := decoder.Token()
	require.NoError(t, err)
	names := []string{
		"original_topic", "original_partition", "original_offset", "error_type", "error_message", "failed_at", "payload",
	}
	fields := make(map[string]any)
	for _, name := range names {
		key, err := decoder.Token()
		require.NoError(t, err)
		require.Equal(t, name, key, "the order of fields in %s", letter)
		var value any
		require.NoError(t, decoder.Decode(&value))
		fields[name] = value
	}
	require.Equal(t, topic, fields["original_topic"])
	require.Equal(t, 0.0, fields["original_partition"])
	require.Equal(t, float64(offset), fields["original_offset"])
	require.NotEmpty(t, fields["error_type"])
	require.NotEmpty(t, fields["error_message"])
	require.Equal(t, payload, fields["payload"])
	text, ok := fields["failed_at"].(string)
	require.True(t, ok)
	failed, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), failed, 5*time.Minute)
	_, offsetSeconds := failed.Zone()
	require.Zero(t, offsetSeconds, "%s is not UTC", text)
}
