package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestOddRecordsEndWhereTheyShould(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	var headers []kgo.RecordHeader
	for i := range 1000 {
		headers = append(headers, kgo.RecordHeader{Key: fmt.Sprint("header-", i%10), Value: fmt.Append(nil, i)})
	}
	mebibyte := []byte(`{"n": 2, "text": "` + strings.Repeat("0123456789abcdef", 1<<16) + `"}`)
	mebibyte = mebibyte[len(mebibyte)-1<<20:]
	copy(mebibyte, `{"text": "`)
	invalid := []byte("{\"n\": 3, \"text\": \"\xff\"}")
	w.produce(
		&kgo.Record{Key: []byte("empty"), Value: []byte{}},
		&kgo.Record{Key: []byte("tombstone")},
		&kgo.Record{Key: []byte("mebibyte"), Value: mebibyte},
		&kgo.Record{Key: []byte("invalid"), Value: invalid},
		&kgo.Record{Key: []byte("headers"), Value: []byte(`{"n": 4}`), Headers: headers},
		&kgo.Record{Value: []byte(`{"n": 5}`)},
	)
	p := w.run("--set", "commit.interval=100ms")
	p.untilCommitted(w, 0, 6)
	require.Empty(t, p.eventsOf("retried"))
	p.stop()
	require.Equal(t, int64(6), w.committed(0))

	out := w.read(w.out, 4)
	require.Len(t, out, 4)
	require.Equal(t, "tombstone", string(out[0].Key))
	require.Nil(t, out[0].Value, "a tombstone stays one")
	require.Equal(t, "mebibyte", string(out[1].Key))
	require.Equal(t, string(mebibyte), string(out[1].Value))
	require.Equal(t, headers, out[2].Headers, "all headers in their order")
	require.Nil(t, out[3].Key, "no key stays no key")

	letters := w.read(w.dead, 2)
	require.Len(t, letters, 2)
	require.Equal(t, "empty", string(letters[0].Key))
	requireLetter(t, letters[0].Value, w.in, 0, "")
	require.Equal(t, "invalid", string(letters[1].Key))
	requireLetter(t, letters[1].Value, w.in, 3, "{\"n\": 3, \"text\": \"\ufffd\"}")
	var letter struct {
		Payload string `json:"payload_base64"`
	}
	require.NoError(t, json.Unmarshal(letters[1].Value, &letter))
	restored, err := base64.StdEncoding.DecodeString(letter.Payload)
	require.NoError(t, err)
	require.Equal(t, invalid, restored)
}

// A pattern that matches the pipeline's own topics reads neither its output nor its dead letters.
func TestPatternMakesNoLoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.out, w.dead = w.group+".enriched", w.group+".dead-letter"
	w.createTopic(w.out, 1)
	w.createTopic(w.dead, 1)
	w.produce(orders(0, 0, 3)...)
	w.produce(&kgo.Record{Value: []byte("broken")})
	p := w.run("--set", `input.topics=['^`+w.group+`\..*']`, "--set", "commit.interval=100ms")
	p.untilCommitted(w, 0, 4)
	require.Len(t, w.values(w.out, 3), 3)
	require.Len(t, w.values(w.dead, 1), 1)

	// Whatever went round in a circle would come before these.
	w.produce(orders(0, 10, 2)...)
	p.untilCommitted(w, 0, 6)
	p.stop()
	require.Equal(t, append(numbers(0, 3), numbers(10, 2)...), w.values(w.out, 5))
	require.Len(t, w.values(w.dead, 1), 1)
	for _, e := range p.eventsOf("started") {
		require.NotContains(t, []string{w.out, w.dead}, e.Topic)
	}
}
