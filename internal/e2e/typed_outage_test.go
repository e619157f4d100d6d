package e2e

import (
	endian "encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// outage is how long the registry is away each time. TROUPE_OUTAGE makes it longer.
func outage(t *testing.T) time.Duration {
	t.Helper()
	text, given := os.LookupEnv("TROUPE_OUTAGE")
	if !given {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// numberedRecord is n in the wire format, of the schema with that id.
func numberedRecord(partition int32, id int32, n int) *kgo.Record {
	value := endian.BigEndian.AppendUint32([]byte{0}, uint32(id))
	return &kgo.Record{Partition: partition, Key: fmt.Append(nil, n%7), Value: endian.AppendVarint(value, int64(n))}
}

// The registry goes away under load, again and again and each time in another way, always before a schema that nobody has
// asked for yet. No record goes to the dead letters, none is lost, and order is kept.
func TestRegistryOutagesCostNothing(t *testing.T) {
	t.Parallel()
	const partitions = 3
	w, r, away := newWorld(t, partitions), newSchemaRegistry(t), outage(t)
	p := w.run("--set", "registry.url="+r.server.URL, "--set", "input.format=avro", "--set", "commit.interval=100ms",
		"--set", `steps=[{map: "{n, p: $partition}"}]`, "--set", "order=partition", "--set", "retry.max_attempts=2")
	sent := 0
	send := func(id int32) {
		records := make([]*kgo.Record, 0, 60)
		for range 60 {
			records = append(records, numberedRecord(int32(sent%partitions), id, sent))
			sent++
		}
		w.produce(records...)
	}
	send(r.register("s", numbered(0), sr.TypeAvro))
	w.read(w.out, sent)
	for i, c := range []struct {
		name  string
		fails http.HandlerFunc
		lasts time.Duration
	}{
		{"500", answer(http.StatusInternalServerError, `{"error_code":50001,"message":"no store"}`), away},
		{"hangs", r.hang, away},
		{"HTML", answer(http.StatusOK, "<html>be right back</html>"), away},
		{"404 of a proxy", answer(http.StatusNotFound, "<html>no such page</html>"), away},
		{"not known yet", answer(http.StatusNotFound, `{"error_code":40403,"message":"Schema not found"}`), 300 * time.Millisecond},
	} {
		id := r.register("s", numbered(i+1), sr.TypeAvro)
		r.fail(c.fails)
		stopped := time.NewTimer(c.lasts)
		for more := true; more; {
			send(id)
			select {
			case <-stopped.C:
				more = false
			case <-time.After(100 * time.Millisecond): // the load's pace
			}
		}
		if c.lasts >= time.Second {
			p.untilAnswer("/api/v1/partitions", func(_ int, body string) bool { return strings.Contains(body, `"registry-unavailable"`) })
			require.Positive(t, r.failed(), c.name)
		}
		r.fail(nil)
		w.read(w.out, sent)
	}
	p.event("committed", func(event) bool { return w.committed(0)+w.committed(1)+w.committed(2) == int64(sent) })
	p.stop()
	require.Empty(t, w.read(w.dead, 0))
	for _, retried := range p.eventsOf("retried") {
		require.Equal(t, "unavailable", retried.Reason, "no attempt was used up")
	}
	last := map[int]int{0: -1, 1: -1, 2: -1}
	results := w.read(w.out, sent)
	require.Len(t, results, sent, "each of them once")
	for _, result := range results {
		var got struct{ N, P int }
		require.NoError(t, json.Unmarshal(result.Value, &got))
		require.Greater(t, got.N, last[got.P], "order")
		last[got.P] = got.N
	}
	t.Logf("%d records, away for %v each time", sent, away)
}
