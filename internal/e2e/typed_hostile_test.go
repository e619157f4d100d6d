package e2e

import (
	"bytes"
	endian "encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// hostile is a record that must end as a dead letter.
type hostile struct {
	name   string
	format string
	schema string // in the format's language; empty where data is the whole value
	data   []byte
	says   string // part of the error's message
}

const (
	longs     = `{"type":"array","items":"long"}`
	recursive = `{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}`
	named     = `{"type":"record","name":"N","fields":[{"name":"id","type":"long"},{"name":"text","type":"string"}]}`
	list      = `{"type":"record","name":"L","fields":[{"name":"a","type":{"type":"array","items":"long"}},{"name":"m","type":{"type":"map","values":"long"}}]}`
	nulls     = `{"type":"array","items":"null"}`
	branches  = `{"type":"record","name":"U","fields":[{"name":"u","type":["null","long","string"]},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}}]}`

	tree     = `syntax = "proto3"; message Tree { repeated Tree below = 1; string text = 2; repeated int32 packed = 3; }`
	required = `syntax = "proto2"; message Needs { required int64 id = 1; repeated group G = 2 { optional int32 x = 1; } }`

	// exponential takes twice as long for each level of a document when every branch is tried.
	exponential = `{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#/$defs/n","$defs":{"n":{"anyOf":[
		{"properties":{"c":{"$ref":"#/$defs/n"}},"required":["x"]},{"properties":{"c":{"$ref":"#/$defs/n"}},"required":["y"]}]}}}`
	unique   = `{"type":"array","uniqueItems":true}`
	multiple = `{"type":"array","items":{"multipleOf":0.01}}`
)

func long(n int64) []byte { return endian.AppendVarint(nil, n) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func hostiles() []hostile {
	deep := strings.Repeat(`{"c":`, 400) + "1" + strings.Repeat("}", 400)
	apart := make([]string, 200_000)
	for i := range apart {
		apart[i] = fmt.Sprintf(`{"a":%d}`, i)
	}
	return []hostile{
		{"huge count of an array", "avro", longs, long(1 << 60), "byte"},
		{"count that overflows", "avro", longs, join(long(-1<<63), long(1)), "byte"},
		{"count with a huge size of its block", "avro", longs, join(long(-3), long(1<<40), long(1)), "byte"},
		{"a million nulls in three bytes", "avro", nulls, join(long(1<<30), long(0)), "byte"},
		{"an array that a reader passes over", "avro", list, join(long(1<<62), long(0)), "byte"},
		{"a map that a reader passes over", "avro", list, join(long(0), long(1<<62), long(2), []byte("k")), "byte"},
		{"four million levels", "avro", recursive, bytes.Repeat([]byte{2}, 4<<20), "byte"},
		{"no bytes at all", "avro", named, nil, "byte 5"},
		{"cut before a number", "avro", named, nil, "too early"},
		{"cut in a string", "avro", named, join(long(1), long(10), []byte("abc")), "text"},
		{"a string of 2^62 bytes", "avro", named, join(long(1), long(1<<62)), "text"},
		{"a string of fewer than no bytes", "avro", named, join(long(1), long(-5)), "text"},
		{"bytes behind the value", "avro", named, join(long(1), long(1), []byte("ab")), "more bytes"},
		{"text that is not UTF-8", "avro", named, join(long(1), long(2), []byte("\xff\xfe")), "UTF-8"},
		{"a number of eleven bytes", "avro", named, bytes.Repeat([]byte{0xff}, 11), "id"},
		{"a branch that the union does not have", "avro", branches, join(long(7)), "u"},
		{"a branch below zero", "avro", branches, join(long(-1)), "u"},
		{"a symbol that the enum does not have", "avro", branches, join(long(0), long(2)), "e"},
		{"fewer items than were promised", "avro", longs, join(long(3), long(1)), "byte"},
		{"not written with a registry", "avro", "", []byte(`{"n":1}`), "serializer"},
		{"an id that is cut", "avro", "", []byte{0, 0, 1}, "byte 3"},
		{"an id that nobody has", "avro", "", []byte{0, 0x7f, 0xff, 0xff, 0xff, 2}, "schema id 2147483647"},
		{"a magic byte that nobody knows", "avro", "", []byte{9, 0, 0, 0, 1, 2}, "byte 0"},
		{"another format's schema", "avro", "", nil, "PROTOBUF"},

		{"a varint that does not end", "protobuf", tree, []byte{0, 0x18, 0xff, 0xff}, "byte"},
		{"a varint of eleven bytes", "protobuf", tree, append([]byte{0, 0x18}, bytes.Repeat([]byte{0xff}, 11)...), "byte"},
		{"a length that nothing backs", "protobuf", tree, []byte{0, 0x12, 0xff, 0xff, 0xff, 0xff, 0x07}, "byte"},
		{"a million empty messages", "protobuf", tree, append([]byte{0}, bytes.Repeat([]byte{0x0a, 0x00}, 2<<20)...), "limit"},
		{"text that is not UTF-8", "protobuf", tree, []byte{0, 0x12, 0x02, 0xff, 0xfe}, "UTF-8"},
		{"field zero", "protobuf", tree, []byte{0, 0x00, 0x01}, "byte"},
		{"a group that does not end", "protobuf", required, []byte{0, 0x08, 0x01, 0x13, 0x08, 0x01}, "byte"},
		{"what is required is missing", "protobuf", required, []byte{0}, "id"},
		{"a message that the schema does not have", "protobuf", tree, []byte{2, 14}, "message"},
		{"a path of a billion indexes", "protobuf", tree, []byte{0xfe, 0xff, 0xff, 0xff, 0x0f, 0}, "byte 5"},
		{"nested without end", "protobuf", tree, nestedTree(20_000), "byte"},

		{"exponential work", "jsonschema", exponential, []byte(deep), "schema"},
		{"numbers of a million digits", "jsonschema", multiple, []byte("[" + strings.TrimSuffix(strings.Repeat("1e999999,", 50_000), ",") + "]"), "byte"},
		{"many that differ, and one that does not", "jsonschema", unique, []byte("[" + strings.Join(append(apart, apart[0]), ",") + "]"), "byte"},
		{"nested deeper than anything", "jsonschema", unique, bytes.Repeat([]byte("["), 4<<20), "nested"},
		{"no document", "jsonschema", unique, []byte(`[1,`), "byte"},
	}
}

// nestedTree is a tree of so many levels in one branch.
func nestedTree(levels int) []byte {
	body := []byte{}
	var lengths [][]byte
	size := 0
	for range levels {
		head := endian.AppendUvarint([]byte{0x0a}, uint64(size))
		lengths = append(lengths, head)
		size += len(head)
	}
	for i := len(lengths) - 1; i >= 0; i-- {
		body = append(body, lengths[i]...)
	}
	return append([]byte{0}, body...)
}

// Whatever bytes say they are, the process goes on, in bounded memory, and each record ends as a dead letter that says where
// it is wrong.
func TestHostileBytesEndAsDeadLetters(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t, 1), newSchemaRegistry(t)
	topics := map[string]string{"avro": w.in, "protobuf": w.in + ".protobuf", "jsonschema": w.in + ".json"}
	kinds := map[string]sr.SchemaType{"avro": sr.TypeAvro, "protobuf": sr.TypeProtobuf, "jsonschema": sr.TypeJSON}
	good := map[string]struct {
		schema string
		data   []byte
	}{
		"avro": {named, join(long(1), long(2), []byte("ok"))}, "protobuf": {tree, []byte{0, 0x12, 0x02, 'o', 'k'}},
		"jsonschema": {unique, []byte(`["ok"]`)},
	}
	w.createTopic(topics["protobuf"], 1)
	w.createTopic(topics["jsonschema"], 1)
	w.allowLarge(w.in, w.dead, topics["protobuf"], topics["jsonschema"])
	all := hostiles()
	offsets := make([]int64, len(all))
	next := map[string]int64{}
	ids := make([]int32, len(all))
	for i, h := range all {
		value := h.data
		switch {
		case h.name == "another format's schema":
			ids[i] = r.register("other", tree, sr.TypeProtobuf)
			value = endian.BigEndian.AppendUint32([]byte{0}, uint32(ids[i]))
		case h.schema != "":
			ids[i] = r.register("s-"+h.format, h.schema, kinds[h.format])
			value = append(endian.BigEndian.AppendUint32([]byte{0}, uint32(ids[i])), h.data...)
		}
		offsets[i] = next[h.format]
		next[h.format]++
		w.produce(&kgo.Record{Topic: topics[h.format], Key: fmt.Append(nil, i), Value: value})
	}
	for format, g := range good {
		id := r.register("s-"+format, g.schema, kinds[format])
		w.produce(&kgo.Record{Topic: topics[format], Value: append(endian.BigEndian.AppendUint32([]byte{0}, uint32(id)), g.data...)})
	}
	entries := make([]string, 0, len(topics))
	for format, topic := range topics {
		entries = append(entries, fmt.Sprintf("{topic: %s, format: %s}", topic, format))
	}
	p := w.run("--set", "registry.url="+r.server.URL, "--set", "input.topics=["+strings.Join(entries, ", ")+"]",
		"--set", "commit.interval=100ms", "--set", "memory=128MiB", "--set", "producer.message.max.bytes=8000000", "--set", "steps=[{map: .}]")
	require.Len(t, w.read(w.out, len(good)), len(good), "those behind them are handled")
	letters := w.read(w.dead, len(all))
	require.Len(t, letters, len(all))
	require.Empty(t, p.eventsOf("retried"))
	for _, l := range letters {
		i, err := strconv.Atoi(string(l.Key))
		require.NoError(t, err)
		requireBlamed(t, &all[i], fmt.Sprintf("value of %s-0 at offset %d: decode %s", topics[all[i].format], offsets[i], all[i].format), ids[i], l)
	}
	peak := peakMemory(t, p.command.Process.Pid)
	t.Logf("%d records, at most %d MiB resident", len(all), peak>>20)
	require.Less(t, peak, int64(1<<30))
	p.stop()
}

// allowLarge lets topics take records of up to 8 MB.
func (w *world) allowLarge(topics ...string) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	limit := "8000000"
	answers, err := w.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &limit}}, topics...)
	require.NoError(w.t, err)
	for _, answer := range answers {
		require.NoError(w.t, answer.Err)
	}
}

// requireBlamed checks what a dead letter says of a record.
func requireBlamed(t *testing.T, h *hostile, begins string, id int32, letter *kgo.Record) {
	t.Helper()
	var envelope struct {
		Message string `json:"error_message"`
	}
	if json.Unmarshal(letter.Value, &envelope) != nil || envelope.Message == "" { // too large for the envelope: raw, with headers
		for _, header := range letter.Headers {
			if strings.HasSuffix(header.Key, "error-message") || strings.HasSuffix(header.Key, "error_message") {
				envelope.Message = string(header.Value)
			}
		}
	}
	require.True(t, strings.HasPrefix(envelope.Message, begins), "%s: %q does not begin with %q", h.name, envelope.Message, begins)
	require.Contains(t, envelope.Message, h.says, h.name)
	if id != 0 {
		require.Contains(t, envelope.Message, fmt.Sprintf("schema id %d", id), h.name)
	}
	if h.schema != "" && h.name != "a message that the schema does not have" {
		require.Regexp(t, `byte \d+`, envelope.Message, h.name)
	}
	require.Less(t, len(envelope.Message), 4096, h.name)
}

// peakMemory is the most that a process has had resident.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, found)
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	require.NoError(t, err)
	return kib << 10
}
