package deadletter_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/stream"
)

// anyBytes draws nil, empty and random bytes; a JSON dead letter now and then is what a redriven record looks like.
func anyBytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(
		rapid.Just[[]byte](nil),
		rapid.SliceOfN(rapid.Byte(), 0, 64),
		rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
	)
}

func anyHeader() *rapid.Generator[stream.Header] {
	return rapid.Custom(func(t *rapid.T) stream.Header {
		key := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"troupe.original_topic", "troupe.original_partition", "troupe.original_offset", "troupe.stack",
			"__connect.errors.topic", "__streams.errors.exception", "kafka_dlt-original-topic", deadletter.EnvelopeHeader,
		})).Draw(t, "header key")
		value := rapid.OneOf(anyBytes(), rapid.SampledFrom([][]byte{[]byte("json"), []byte("1")})).Draw(t, "header value")
		return stream.Header{Key: key, Value: value}
	})
}

func anyRecord() *rapid.Generator[stream.Record] {
	return rapid.Custom(func(t *rapid.T) stream.Record {
		r := stream.Record{
			Topic:       rapid.StringMatching(`[a-zA-Z0-9._-]{1,249}`).Draw(t, "topic"),
			Partition:   rapid.Int32Min(0).Draw(t, "partition"),
			Offset:      rapid.Int64Min(0).Draw(t, "offset"),
			LeaderEpoch: -1,
			Key:         anyBytes().Draw(t, "key"),
			Value:       anyBytes().Draw(t, "value"),
			Headers:     rapid.SliceOfN(anyHeader(), 0, 8).Draw(t, "headers"),
		}
		if rapid.Bool().Draw(t, "has timestamp") {
			r.Timestamp = time.UnixMilli(rapid.Int64().Draw(t, "timestamp")).UTC()
		}
		return r
	})
}

func anyFailure() *rapid.Generator[deadletter.Failure] {
	return rapid.Custom(func(t *rapid.T) deadletter.Failure {
		text := rapid.String()
		return deadletter.Failure{
			ErrorType: text.Draw(t, "error type"), Message: text.Draw(t, "message"), Reason: text.Draw(t, "reason"),
			FailedAt: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "failed at")).UTC(),
			Attempts: rapid.Int32Min(0).Draw(t, "attempts"), Group: text.Draw(t, "group"),
			Handler: text.Draw(t, "handler"), Host: text.Draw(t, "host"), Stack: text.Draw(t, "stack"),
		}
	})
}

func anyDialect() *rapid.Generator[deadletter.Dialect] {
	return rapid.SampledFrom([]deadletter.Dialect{
		deadletter.Native, deadletter.Connect, deadletter.Streams, deadletter.Spring,
	})
}

func anyEnvelope() *rapid.Generator[deadletter.Envelope] {
	return rapid.SampledFrom([]deadletter.Envelope{deadletter.JSON, deadletter.Raw})
}

// TestEveryDeadLetterRestoresByteForByte wraps a record up to four times, as when the records of dead-letter topics fail
// too, and takes the wrappings off again.
func TestEveryDeadLetterRestoresByteForByte(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		original := anyRecord().Draw(t, "record")
		var wrapped []stream.Record
		current := original
		for range rapid.IntRange(1, 4).Draw(t, "times") {
			f, dialect := anyFailure().Draw(t, "failure"), anyDialect().Draw(t, "dialect")
			envelope := anyEnvelope().Draw(t, "envelope")
			m := build(t, &current, f, envelope, dialect)
			letter, err := deadletter.Restore(m.Key, m.Value, m.Headers)
			require.NoError(t, err)
			require.Equal(t, envelope, letter.Envelope)
			if envelope == deadletter.Raw {
				require.Equal(t, dialect, letter.Dialect)
			}
			require.Equal(t, f, letter.Failure)
			requireSameRecord(t, &current, &letter.Record)
			require.Equal(t, current.Timestamp, letter.Record.Timestamp)

			wrapped = append(wrapped, current)
			current = stream.Record{Topic: "next", Offset: 1, Key: m.Key, Value: m.Value, Headers: m.Headers}
		}
		for i := len(wrapped) - 1; i >= 0; i-- {
			letter, err := deadletter.Restore(current.Key, current.Value, current.Headers)
			require.NoError(t, err)
			requireSameRecord(t, &wrapped[i], &letter.Record)
			current = letter.Record
		}
		requireSameRecord(t, &original, &current)
	})
}

func requireSameRecord(t require.TestingT, want, got *stream.Record) {
	require.Equal(t, want.Source(), got.Source())
	require.Equal(t, want.Offset, got.Offset)
	requireSameBytes(t, want.Key, got.Key)
	requireSameBytes(t, want.Value, got.Value)
	require.Len(t, got.Headers, len(want.Headers))
	for i := range want.Headers {
		require.Equal(t, want.Headers[i].Key, got.Headers[i].Key)
		requireSameBytes(t, want.Headers[i].Value, got.Headers[i].Value)
	}
}

// requireSameBytes tells null from empty, as Kafka does.
func requireSameBytes(t require.TestingT, want, got []byte) {
	require.Equal(t, want == nil, got == nil)
	require.True(t, bytes.Equal(want, got), "want %q, got %q", want, got)
}

func TestRestoreLeavesHeadersThatOthersAddedBehindTheFacts(t *testing.T) {
	t.Parallel()
	m := build(t, brokenOrder(), syntaxFailure(), deadletter.Raw, deadletter.Connect)
	tracing := stream.Header{Key: "traceparent", Value: []byte("00-1")}

	letter, err := deadletter.Restore(m.Key, m.Value, append(m.Headers, tracing))

	require.NoError(t, err)
	require.Equal(t, append(brokenOrder().Headers, tracing), letter.Record.Headers)
	require.Equal(t, syntaxFailure().Message, letter.Failure.Message)
}

func TestRestoreReadsTheSevenFieldsOfOthers(t *testing.T) {
	t.Parallel()
	value := `{"payload": "{broken", "failed_at": "2026-03-01T12:04:05.123456+00:00", "error_message": "m",
		"error_type": "JSONDecodeError", "original_offset": 12, "original_partition": 1, "original_topic": "orders"}`

	letter, err := deadletter.Restore([]byte("k"), []byte(value), nil)

	require.NoError(t, err)
	require.Equal(t, stream.Partition{Topic: "orders", Number: 1}, letter.Record.Source())
	require.Equal(t, int64(12), letter.Record.Offset)
	require.Equal(t, "{broken", string(letter.Record.Value))
	require.Equal(t, "JSONDecodeError", letter.Failure.ErrorType)
}

func TestRestoreRefusesWhatIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	head := `{"original_topic":"t","original_partition":0,"original_offset":1,`
	cases := map[string]struct{ value, want string }{
		"not JSON":           {"hello", "decode the JSON envelope"},
		"tombstone":          {"", "decode the JSON envelope"},
		"other JSON":         {`{"amount":1}`, "original_topic is missing"},
		"no partition":       {`{"original_topic":"t","original_offset":1,"payload":""}`, "original_partition"},
		"negative offset":    {`{"original_topic":"t","original_partition":0,"original_offset":-1,"payload":""}`, "original_offset"},
		"no payload":         {head + `"attempts":1}`, "payload is missing"},
		"payload not string": {head + `"payload":{}}`, "neither a string nor null"},
		"bad base64":         {head + `"payload":"` + "\uFFFD" + `","payload_base64":"*"}`, "payload_base64"},
		"edited payload":     {head + `"payload":"mended","payload_base64":"/w=="}`, "was edited"},
		"bad time":           {head + `"payload":"","failed_at":"yesterday"}`, "failed_at"},
		"invalid UTF-8":      {head + "\"payload\":\"\xff\"}", "not UTF-8"},
		"trailing bytes":     {head + `"payload":""}{}`, "decode the JSON envelope"},
		"huge partition":     {`{"original_topic":"t","original_partition":4294967296,"original_offset":1,"payload":""}`, "decode"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := deadletter.Restore(nil, []byte(c.value), []stream.Header{{Key: "troupe.original_topic", Value: []byte("t")}})
			require.ErrorIs(t, err, deadletter.ErrNotDeadLetter)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestRestoreNeedsHeadersThatSayWhereTheRecordWas(t *testing.T) {
	t.Parallel()
	topic := stream.Header{Key: "kafka_dlt-original-topic", Value: []byte("orders")}
	partition := stream.Header{Key: "kafka_dlt-original-partition", Value: []byte{0, 0, 0, 3}}
	offset := stream.Header{Key: "kafka_dlt-original-offset", Value: []byte{0, 0, 0, 0, 0, 0, 0, 9}}
	text := stream.Header{Key: offset.Key, Value: []byte("9")}
	negative := stream.Header{Key: partition.Key, Value: []byte{255, 255, 255, 255}}

	letter, err := deadletter.Restore(nil, []byte("v"), []stream.Header{topic, offset, partition})
	require.NoError(t, err)
	require.Equal(t, int64(9), letter.Record.Offset)
	require.Equal(t, int32(3), letter.Record.Partition)

	for name, headers := range map[string][]stream.Header{
		"no topic":           {partition, offset},
		"empty topic":        {{Key: topic.Key}, partition, offset},
		"no partition":       {topic, offset},
		"no offset":          {topic, partition},
		"text for a number":  {topic, partition, text},
		"negative partition": {topic, negative, offset},
	} {
		_, err := deadletter.Restore(nil, []byte("v"), headers)
		require.ErrorIs(t, err, deadletter.ErrNotDeadLetter, name)
	}
}

// FuzzRestore: whatever arrives, Restore answers, and what it restores is restored again from a dead letter of it.
func FuzzRestore(f *testing.F) {
	for _, dialect := range []deadletter.Dialect{deadletter.Native, deadletter.Connect, deadletter.Streams, deadletter.Spring} {
		m, err := deadletter.Build(brokenOrder(), syntaxFailure(), "t", deadletter.Raw, dialect)
		require.NoError(f, err)
		f.Add(m.Value, flatten(m.Headers))
	}
	m, err := deadletter.Build(brokenOrder(), syntaxFailure(), "t", deadletter.JSON, deadletter.Native)
	require.NoError(f, err)
	f.Add(m.Value, []byte(nil))
	f.Fuzz(func(t *testing.T, value, flat []byte) {
		letter, err := deadletter.Restore(nil, value, unflatten(flat))
		if err != nil {
			require.ErrorIs(t, err, deadletter.ErrNotDeadLetter)
			return
		}
		for _, envelope := range []deadletter.Envelope{deadletter.JSON, deadletter.Raw} {
			again := build(t, &letter.Record, letter.Failure, envelope, deadletter.Native)
			restored, err := deadletter.Restore(again.Key, again.Value, again.Headers)
			require.NoError(t, err)
			requireSameRecord(t, &letter.Record, &restored.Record)
		}
	})
}

// flatten separates headers by two bytes 0xff, and key from value by one.
func flatten(headers []stream.Header) []byte {
	var flat []byte
	for _, h := range headers {
		flat = append(append(append(append(flat, h.Key...), 0xff), h.Value...), 0xff, 0xff)
	}
	return flat
}

func unflatten(flat []byte) []stream.Header {
	var headers []stream.Header
	for part := range bytes.SplitSeq(flat, []byte{0xff, 0xff}) {
		key, value, _ := bytes.Cut(part, []byte{0xff})
		headers = append(headers, stream.Header{Key: string(key), Value: value})
	}
	return headers
}
