package deadletter_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/stream"
)

func brokenOrder() *stream.Record {
	return &stream.Record{
		Topic: "orders.placed", Partition: 3, Offset: 4711, LeaderEpoch: 2, Attempt: 3,
		Key: []byte("customer-7"), Value: []byte(`{"note":"<b> & é`),
		Headers:   []stream.Header{{Key: "trace", Value: []byte("a")}, {Key: "trace", Value: nil}, {Key: "", Value: []byte{}}},
		Timestamp: time.UnixMilli(1_700_000_000_123),
	}
}

func syntaxFailure() deadletter.Failure {
	return deadletter.Failure{
		ErrorType: "*json.SyntaxError", Message: `unexpected "end" of <input>`, Reason: "exhausted",
		FailedAt: time.Date(2026, 3, 1, 13, 4, 5, 0, time.FixedZone("", 3600)),
		Attempts: 3, Group: "order-processor-v1", Handler: "enrich", Host: "node-1",
	}
}

func build(t require.TestingT, r *stream.Record, f deadletter.Failure, e deadletter.Envelope, d deadletter.Dialect) stream.Message {
	m, err := deadletter.Build(r, f, "orders.placed.dead-letter", e, d)
	require.NoError(t, err)
	return m
}

func TestJSONEnvelopeIsExact(t *testing.T) {
	t.Parallel()
	where := `{"original_topic":"orders.placed","original_partition":3,"original_offset":4711,` +
		`"error_type":"*json.SyntaxError","error_message":"unexpected \"end\" of <input>",` +
		`"failed_at":"2026-03-01T12:04:05.000Z",`
	who := `"original_timestamp":1700000000123,"attempts":3,"group":"order-processor-v1","handler":"enrich","host":"node-1"`
	reason := `,"reason":"exhausted"}`
	cases := map[string]struct {
		value []byte
		stack string
		want  string
	}{
		"text":          {[]byte(`{"note":"<b> & é`), "", `"payload":"{\"note\":\"<b> & é",` + who},
		"tombstone":     {nil, "", `"payload":null,` + who},
		"empty":         {[]byte{}, "", `"payload":"",` + who},
		"invalid UTF-8": {[]byte("a\xff\xfeb"), "", `"payload":"a` + "\uFFFD" + `b","payload_base64":"Yf/+Yg==",` + who},
		"panic":         {[]byte("x"), "goroutine 1\n\tmain.go:3", `"payload":"x",` + who + `,"stack":"goroutine 1\n\tmain.go:3"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, f := brokenOrder(), syntaxFailure()
			r.Value, f.Stack = c.value, c.stack

			m := build(t, r, f, deadletter.JSON, deadletter.Native)

			require.Equal(t, where+c.want+reason, string(m.Value))
			require.Equal(t, r.Key, m.Key)
			require.Equal(t, r.Headers, m.Headers)
			require.Equal(t, "orders.placed.dead-letter", m.Topic)
			require.True(t, m.Timestamp.IsZero(), "retention counts from the failure")
		})
	}
}

func TestRawEnvelopeKeepsTheRecordAndAppendsTheDialectsHeaders(t *testing.T) {
	t.Parallel()
	native := []string{
		"troupe.original_topic=orders.placed", "troupe.original_partition=3", "troupe.original_offset=4711",
		"troupe.error_type=*json.SyntaxError", `troupe.error_message=unexpected "end" of <input>`,
		"troupe.failed_at=2026-03-01T12:04:05.000Z", "troupe.original_timestamp=1700000000123", "troupe.attempts=3",
		"troupe.group=order-processor-v1", "troupe.handler=enrich", "troupe.host=node-1", "troupe.reason=exhausted",
		"troupe.stack=main.go:3",
	}
	cases := map[deadletter.Dialect][]string{
		deadletter.Native: native,
		deadletter.Connect: {
			"__connect.errors.topic=orders.placed", "__connect.errors.partition=3", "__connect.errors.offset=4711",
			"__connect.errors.connector.name=order-processor-v1", "__connect.errors.task.id=3",
			"__connect.errors.stage=exhausted", "__connect.errors.class.name=enrich",
			"__connect.errors.exception.class.name=*json.SyntaxError",
			`__connect.errors.exception.message=unexpected "end" of <input>`,
			"__connect.errors.exception.stacktrace=main.go:3",
			native[5], native[6], native[7], native[10],
		},
		deadletter.Streams: {
			"__streams.errors.exception=*json.SyntaxError", "__streams.errors.stacktrace=main.go:3",
			`__streams.errors.message=unexpected "end" of <input>`, "__streams.errors.topic=orders.placed",
			"__streams.errors.partition=3", "__streams.errors.offset=4711",
			native[5], native[6], native[7], native[8], native[9], native[10], native[11],
		},
		deadletter.Spring: {
			"kafka_dlt-original-topic=orders.placed", "kafka_dlt-original-partition=\x00\x00\x00\x03",
			"kafka_dlt-original-offset=\x00\x00\x00\x00\x00\x00\x12\x67",
			"kafka_dlt-original-timestamp=\x00\x00\x01\x8b\xcf\xe5\x68\x7b",
			"kafka_dlt-original-consumer-group=order-processor-v1", "kafka_dlt-exception-fqcn=*json.SyntaxError",
			"kafka_dlt-exception-cause-fqcn=*json.SyntaxError",
			`kafka_dlt-exception-message=unexpected "end" of <input>`, "kafka_dlt-exception-stacktrace=main.go:3",
			native[5], native[7], native[9], native[10], native[11],
		},
	}
	for dialect, want := range cases {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r, f := brokenOrder(), syntaxFailure()
			f.Stack = "main.go:3"

			m := build(t, r, f, deadletter.Raw, dialect)

			require.Equal(t, r.Key, m.Key)
			require.Equal(t, r.Value, m.Value)
			require.Equal(t, r.Headers, m.Headers[:len(r.Headers)])
			var added []string
			for _, h := range m.Headers[len(r.Headers):] {
				added = append(added, h.Key+"="+string(h.Value))
			}
			require.Equal(t, want, added)
		})
	}
}

func TestBuildLeavesTheRecordsSpareHeaderCapacityAlone(t *testing.T) {
	t.Parallel()
	backing := []stream.Header{{Key: "mine"}, {Key: "the next record's"}}
	r := brokenOrder()
	r.Headers = backing[:1]

	build(t, r, syntaxFailure(), deadletter.Raw, deadletter.Native)

	require.Equal(t, "the next record's", backing[1].Key)
}

func TestLongTextsAreCutBetweenRunes(t *testing.T) {
	t.Parallel()
	f := syntaxFailure()
	f.Message = "x" + strings.Repeat("語", deadletter.MaxErrorMessage)
	f.Stack = strings.Repeat("s", deadletter.MaxStack) + "\xff"

	m := build(t, brokenOrder(), f, deadletter.JSON, deadletter.Native)
	letter, err := deadletter.Restore(m.Key, m.Value, m.Headers)

	require.NoError(t, err)
	for text, limit := range map[string]int{
		letter.Failure.Message: deadletter.MaxErrorMessage, letter.Failure.Stack: deadletter.MaxStack,
	} {
		require.LessOrEqual(t, len(text), limit)
		require.Greater(t, len(text), limit-8)
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "\uFFFD")
		require.True(t, strings.HasSuffix(text, "[truncated]"))
	}
}

func TestTopicNeverLeadsBack(t *testing.T) {
	t.Parallel()
	own := func(topic string) bool { return topic == "graveyard" }
	cases := map[string]struct {
		policy, topic string
		is            func(string) bool
		want, err     string
	}{
		"default":                   {"", "orders", nil, "orders.dead-letter", ""},
		"policy":                    {"graveyard", "orders", nil, "graveyard", ""},
		"dead letter again":         {"", "orders.dead-letter", nil, "orders.dead-letter.parked", ""},
		"dead letter under policy":  {"orders.dead-letter", "orders.dead-letter", nil, "orders.dead-letter.parked", ""},
		"other's dead letter":       {"graveyard", "orders.dead-letter", nil, "orders.dead-letter.parked", ""},
		"policy without the suffix": {"graveyard", "graveyard", nil, "graveyard.parked", ""},
		"known by the caller":       {"", "graveyard", own, "graveyard.parked", ""},
		"parked":                    {"", "orders.dead-letter.parked", nil, "", "nowhere further"},
		"parked under policy":       {"graveyard", "graveyard.parked", nil, "", "nowhere further"},
		"only named parked":         {"", "cars.parked", nil, "cars.parked.dead-letter", ""},
		"too long":                  {"", strings.Repeat("t", 240), nil, "", "set dead_letter.topic"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := deadletter.TopicFor(c.policy, c.topic, c.is)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.NotEqual(t, c.topic, got)
		})
	}
	_, err := deadletter.TopicFor("", "orders.dead-letter.parked", nil)
	require.ErrorIs(t, err, deadletter.ErrParked)
}

func TestParseNamesTheChoices(t *testing.T) {
	t.Parallel()
	envelope, err := deadletter.ParseEnvelope("")
	require.NoError(t, err)
	require.Equal(t, deadletter.JSON, envelope)
	_, err = deadletter.ParseEnvelope("JSON")
	require.ErrorContains(t, err, "json, raw")

	dialect, err := deadletter.ParseDialect("spring")
	require.NoError(t, err)
	require.Equal(t, deadletter.Spring, dialect)
	_, err = deadletter.ParseDialect("share")
	require.ErrorContains(t, err, "native, connect, streams, spring")
}
