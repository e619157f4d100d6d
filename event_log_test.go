package troupe

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

// logged gives the lines that the events make, in both formats, without their times.
func logged(level slog.Level, events ...stream.Event) (text, jsonLines string) {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}}
	var t, j bytes.Buffer
	for _, logger := range []*slog.Logger{slog.New(slog.NewTextHandler(&t, options)), slog.New(slog.NewJSONHandler(&j, options))} {
		log := newEventLog(logger)
		for _, e := range events {
			log.receive(stream.EventTime{Time: time.Now(), Event: e})
		}
	}
	return t.String(), j.String()
}

func TestEventIsLoggedAsOneLineOfItsFields(t *testing.T) {
	t.Parallel()
	orders := stream.Partition{Topic: "orders.placed", Number: 3}
	text, lines := logged(slog.LevelDebug,
		stream.DeadLettered{
			Partition: orders, Epoch: 17, Offset: 42, Target: "orders.dead-letter", Reason: "exhausted",
			Attempts: 3, Error: "no <amount>",
		},
		stream.Assigned{Partitions: []stream.Partition{orders, {Topic: "orders.updated"}}},
		stream.Committed{Offsets: []stream.CommittedOffset{{Partition: orders, Epoch: 17, Offset: 43}}, Records: 1, DurationMS: 1.25},
	)
	require.Equal(t, `level=WARN msg=dead-lettered topic=orders.placed partition=3 epoch=17 offset=42 `+
		`dead_letter_topic=orders.dead-letter reason=exhausted attempts=3 error="no <amount>"
level=INFO msg=assigned partitions="[orders.placed-3 orders.updated-0]"
level=DEBUG msg=committed offsets=[orders.placed-3@43] records=1 duration_ms=1.25
`, text)
	want := `{"level":"WARN","msg":"dead-lettered","topic":"orders.placed","partition":3,"epoch":17,"offset":42,` +
		`"dead_letter_topic":"orders.dead-letter","reason":"exhausted","attempts":3,"error":"no <amount>"}
{"level":"INFO","msg":"assigned","partitions":["orders.placed-3","orders.updated-0"]}
{"level":"DEBUG","msg":"committed","offsets":["orders.placed-3@43"],"records":1,"duration_ms":1.25}
`
	require.Equal(t, want, lines, "also the order of fields")
}

func TestRoutineEventsAreLoggedAtDebugOnly(t *testing.T) {
	t.Parallel()
	text, _ := logged(slog.LevelInfo,
		stream.Committed{Records: 1},
		stream.Retried{Reason: "error"},
		stream.CauseChanged{From: stream.Idle, To: stream.Flowing},
		stream.CauseChanged{From: stream.Flowing, To: stream.HandlerStuck, Detail: "offset 5"},
	)
	require.Equal(t, `level=WARN msg=cause-changed topic="" partition=0 epoch=0 from=flowing to=handler-stuck detail="offset 5"`+"\n", text)
}
