package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestRecordIsDoneOnlyWhenItsOutputIsAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	allow := refuseWrites(t, w, w.out)
	w.produce(orders(0, 0, 3)...)
	p := w.run("--set", "commit.records=1", "--set", "producer.retry.backoff.max.ms=500")
	p.event("cause-changed", func(e event) bool { return e.To == "output-unavailable" })
	require.Positive(t, p.statusNumber("ledger", "publishing"))
	require.Zero(t, p.statusNumber("ledger", "done"))
	require.Equal(t, int64(0), w.committed(0))

	allow()
	p.untilCommitted(w, 0, 3)
	require.Equal(t, numbers(0, 3), w.values(w.out, 3))
	p.stop()
	require.Equal(t, numbers(0, 3), w.values(w.out, 3))
}

func TestRefusedOutputBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	large := `{"text": "` + strings.Repeat("x", 3000) + `"}`
	w.produce(&kgo.Record{Key: []byte("large"), Value: []byte(large)})
	w.produce(orders(0, 1, 1)...)
	p := w.run("--set", "producer.message.max.bytes=2000", "--set", `steps=[{map: '. + {again: .text}'}]`, "--set", "commit.interval=100ms")
	p.event("cause-changed", func(e event) bool { return e.To == "dead-letter-too-large" })
	require.Equal(t, int64(0), w.committed(0), "nothing is given up")
	p.stop()

	// With room for the letter, but not for an output that is twice as large.
	p = w.run("--set", "producer.message.max.bytes=5000", "--set", `steps=[{map: '. + {again: .text}'}]`, "--set", "commit.interval=100ms")
	letter := p.event("dead-lettered", nil)
	require.Equal(t, "output-refused", letter.Reason)
	require.Equal(t, int32(1), letter.Attempts)
	p.untilCommitted(w, 0, 2)
	p.stop()
	letters := w.read(w.dead, 1)
	require.Len(t, letters, 1)
	require.Equal(t, "large", string(letters[0].Key))
	requireLetter(t, letters[0].Value, w.in, 0, large)
	require.Len(t, w.values(w.out, 1), 1)
}
