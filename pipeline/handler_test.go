package pipeline

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/stream"
)

const kafkaKeys = "kafka: {bootstrap.servers: \"localhost:9092\", group.id: g}\n"

func record(value string) *stream.Record {
	return &stream.Record{
		Topic: "orders", Partition: 3, Offset: 42, Attempt: 1, Key: []byte("k"), Value: []byte(value),
		Headers:   []stream.Header{{Key: "trace", Value: []byte("t1")}, {Key: "trace", Value: []byte("t2")}, {Key: "none"}},
		Timestamp: time.UnixMilli(1_700_000_000_123),
	}
}

// handle runs a pipeline on one record.
func handle(t *testing.T, src string, r *stream.Record) ([]stream.Message, error) {
	t.Helper()
	p := load(t, kafkaKeys+src, Options{})
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	err := p.Config().Handler.Handle(t.Context(), r)
	return r.Outputs(), err
}

func values(messages []stream.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, string(m.Value))
	}
	return all
}

const ordersIn = "input: {topics: [orders], format: json}\n"

func TestWithoutStepsTheRecordPassesByteForByte(t *testing.T) {
	t.Parallel()
	for format, value := range map[string]string{
		"json": "{ \"b\" : 1.0,\n \"a\":\"\\u00e9\" }", "string": "grüße", "raw": "\xff\x00",
	} {
		r := record(value)
		out, err := handle(t, "input: {topics: [orders], format: "+format+"}\noutput: {kafka: {topic: out}}\n", r)
		require.NoError(t, err)
		require.Equal(t, []stream.Message{{
			Topic: "out", Key: r.Key, Value: []byte(value), Headers: r.Headers, Timestamp: r.Timestamp,
		}}, out)
	}
}

func TestFilterAloneKeepsTheBytes(t *testing.T) {
	t.Parallel()
	out, err := handle(t, ordersIn+"steps: [{filter: .a}]\noutput: {kafka: {topic: out}}\n", record(`{ "a": 1.50 }`))
	require.NoError(t, err)
	require.Equal(t, []string{`{ "a": 1.50 }`}, values(out))
}

func TestStepsMapFilterAndMultiply(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ steps, value, want string }{
		"map":               {"[{map: '{b: .a}'}]", `{"a":1}`, `{"b":1}`},
		"several results":   {"[{map: '.[]'}, {filter: '. > 1'}, {map: '. * 10'}]", `[1,2,3]`, "20\n30"},
		"no result":         {"[{map: 'empty'}]", `1`, "skipped: filtered"},
		"filtered by false": {"[{filter: .a}]", `{"a":false}`, "skipped: filtered"},
		"filtered by null":  {"[{filter: .a}]", `{}`, "skipped: filtered"},
		"filtered by empty": {"[{filter: empty}]", `{}`, "skipped: filtered"},
		"first result":      {`[{filter: 'true, error("x")'}]`, `1`, `1`},
		"big integers":      {"[{map: '{a, b: (.a + 1)}'}]", `{"a":9007199254740993}`, `{"a":9007199254740993,"b":9007199254740994}`},
		"beyond 64 bits":    {"[{map: '.a * 10'}]", `{"a":123456789012345678901234567890}`, `1234567890123456789012345678900`},
		"untouched decimal": {"[{map: '{a}'}]", `{"a":1.10}`, `{"a":1.10}`},
		"rounded":           {"[{map: '.a * 100 | round'}]", `{"a":19.99}`, `1999`},
		"no html escapes":   {"[{map: '.'}]", `"<&>\u2028"`, "\"<&>\u2028\""},
		"sorted names":      {"[{map: '{z: 1, a: 2}'}]", `0`, `{"a":2,"z":1}`},
		"string times":      {`[{map: '.a * 3'}]`, `{"a":"ab"}`, `"ababab"`},
		"merge":             {`[{map: '.a * {y: {q: 2}}'}]`, `{"a":{"x":1,"y":{"p":1}}}`, `{"x":1,"y":{"p":1,"q":2}}`},
		"update":            {`[{map: '.a *= .b | .c[] *= 2'}]`, `{"a":2,"b":3,"c":[1,2]}`, `{"a":6,"b":3,"c":[2,4]}`},
		"product order":     {`[{map: '[(1,2) * (3,4)]'}]`, `0`, `[3,6,4,8]`},
		"variables": {
			`[{map: '[$key, $headers, $topic, $partition, $offset, $timestamp]'}]`, `0`,
			`["k",{"none":null,"trace":"t2"},"orders",3,42,1700000000123]`,
		},
		"own function named like a refused one": {`[{map: 'def env: 7; env'}]`, `0`, `7`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := handle(t, ordersIn+"steps: "+test.steps+"\noutput: {kafka: {topic: out}}\n", record(test.value))
			got := strings.Join(values(out), "\n")
			if err != nil {
				got = err.Error()
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestFailingStepIsPermanentAndSaysWhichStep(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ steps, value, want string }{
		"missing amount": {
			"[{filter: .id}, {map: '{total: (.amount * 100 | round)}'}]", `{"id":1}`,
			"step 2 (map): cannot multiply: null and number (100)",
		},
		"filter":     {"[{filter: '.a > error(\"bad\")'}]", `{}`, "step 1 (filter): error: bad"},
		"error null": {"[{map: 'error(null)'}]", `{}`, "step 1 (map): error(null)"},
		"infinite":   {"[{map: 'infinite'}]", `{}`, "output value: encode json: +Inf is no number in JSON"},
		"huge text": {
			"[{map: '.a * .n'}]", `{"a":"1.5","n":1000000000}`,
			"step 1 (map): a string of 3 bytes times 1000000000 is longer than 16777216 bytes; tonumber makes a number of text",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := handle(t, ordersIn+"steps: "+test.steps+"\noutput: {drop: {}}\n", record(test.value))
			var permanent *stream.PermanentError
			require.ErrorAs(t, err, &permanent)
			require.EqualError(t, err, test.want)
			var step *StepError
			require.ErrorAs(t, err, &step)
		})
	}
}

func TestValuesThatAreNotTheirFormatArePermanent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ format, steps, value, want string }{
		"broken json":        {"json", "[]", `{"a":`, "decode json: byte 5: the document ends too early"},
		"broken, with steps": {"json", "[{filter: .a}]", `{"a" 1}`, "decode json: byte 5: invalid character '1' after object key"},
		"empty":              {"json", "[]", ``, "decode json: the value is empty"},
		"trailing":           {"json", "[]", `{} x`, "decode json: byte 3: more data after the document"},
		"json utf-8":         {"json", "[]", "\"\xff\"", "decode json: byte 1: not valid UTF-8"},
		"string utf-8":       {"string", "[]", "ab\xff", "decode string: byte 2: not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := record(test.value)
			r.Value = []byte(test.value)
			_, err := handle(t, "input: {topics: [orders], format: "+test.format+"}\nsteps: "+test.steps+"\n", r)
			var permanent *stream.PermanentError
			require.ErrorAs(t, err, &permanent)
			var decode *codec.DecodeError
			require.ErrorAs(t, err, &decode)
			require.EqualError(t, err, "value of orders-3 at offset 42: "+test.want)
		})
	}
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	const steps = "steps: [{map: '{gone: (. == null)}'}]\noutput: {kafka: {topic: out, key: .id}}\n"
	tombstone := func() *stream.Record { r := record(""); r.Value = nil; return r }

	out, err := handle(t, ordersIn+steps, tombstone())
	require.NoError(t, err)
	require.Len(t, out, 1)
	require.Nil(t, out[0].Value, "a null value passes by the steps")
	require.Equal(t, "k", string(out[0].Key), "a null value has no id: it keeps its key")

	_, err = handle(t, "input: {topics: [orders], format: json, tombstones: skip}\n"+steps, tombstone())
	var skip *stream.SkipError
	require.ErrorAs(t, err, &skip)
	require.Equal(t, SkippedTombstone, skip.Reason)

	out, err = handle(t, "input: {topics: [orders], format: json, tombstones: steps}\n"+steps, tombstone())
	require.NoError(t, err)
	require.Equal(t, []string{`{"gone":true}`}, values(out))

	out, err = handle(t, "input: {topics: [orders], format: json, tombstones: steps}\noutput: {kafka: {topic: out}}\n", tombstone())
	require.NoError(t, err)
	require.Nil(t, out[0].Value)
}

func TestOutputKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		`.s`: "text", `.n`: "1.50", `.o`: `{"a":1,"b":2}`, `.missing`: "<nil>", `$key + "-" + .s`: "k-text", `.b`: "true",
	} {
		r := record(`{"s":"text","n":1.50,"o":{"b":2,"a":1},"b":true}`)
		out, err := handle(t, ordersIn+"output: {kafka: {topic: out, key: '"+key+"'}}\n", r)
		require.NoError(t, err, key)
		got := string(out[0].Key)
		if out[0].Key == nil {
			got = "<nil>"
		}
		require.Equal(t, want, got, key)
		require.Equal(t, r.Value, out[0].Value, "looking at the value leaves its bytes alone")
	}
	for key, want := range map[string]string{
		`.a, .b`: "output key: the program must give exactly one result, and gave more",
		`empty`:  "output key: the program must give exactly one result, and gave none",
		`.a.b`:   "output key: expected an object but got: number (1)",
	} {
		_, err := handle(t, ordersIn+"output: {kafka: {topic: out, key: '"+key+"'}}\n", record(`{"a":1}`))
		var permanent *stream.PermanentError
		require.ErrorAs(t, err, &permanent)
		require.EqualError(t, err, want)
	}
}

func TestOutputFormats(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, steps, out, value, want string }{
		"text as json":      {"string", "[]", "json", `a "b"`, `"a \"b\""`},
		"json as text":      {"json", "[]", "string", `"a"`, `a`},
		"json as raw":       {"json", "[]", "raw", `"a"`, `a`},
		"object as text":    {"json", "[]", "string", `{}`, "output value: encode string: want a string, got an object"},
		"mapped text":       {"string", "[{map: 'ascii_upcase'}]", "string", `ab`, `AB`},
		"mapped to json":    {"string", "[{map: 'split(\",\")'}]", "json", `a,b`, `["a","b"]`},
		"number cannot":     {"json", "[{map: .n}]", "string", `{"n":1}`, "output value: encode string: want a string, got a number"},
		"json stays itself": {"json", "[]", "json", `{ }`, `{ }`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := handle(t, "input: {topics: [orders], format: "+test.in+"}\nsteps: "+test.steps+
				"\noutput: {kafka: {topic: out, format: "+test.out+"}}\n", record(test.value))
			got := strings.Join(values(out), "\n")
			if err != nil {
				got = err.Error()
			}
			require.Equal(t, test.want, got)
		})
	}
}

func TestEachTopicHasItsFormat(t *testing.T) {
	t.Parallel()
	const src = "input: {topics: [orders, {topic: notes, format: string, key_format: json}], format: json}\n" +
		"steps: [{map: '[., $key]'}]\noutput: {kafka: {topic: out}}\n"
	out, err := handle(t, src, record(`1`))
	require.NoError(t, err)
	require.Equal(t, []string{`[1,"k"]`}, values(out))

	note := record(`1`)
	note.Topic, note.Key = "notes", []byte(`{"id":7}`)
	out, err = handle(t, src, note)
	require.NoError(t, err)
	require.Equal(t, []string{`["1",{"id":7}]`}, values(out))

	note = record(`1`)
	note.Topic = "notes"
	_, err = handle(t, src, note)
	require.EqualError(t, err, "key of notes-3 at offset 42: decode json: byte 0: invalid character 'k' looking for beginning of value")
}

func TestRunawayProgramsEndWithinTheirBudget(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps string
		l     limits
		want  string
	}{
		"recursion":    {"[{map: 'def f: 1 + f; f'}]", limits{time: time.Minute, results: 10, instructions: 100_000}, "more than 100000 instructions"},
		"loop":         {"[{map: '[range(1e12)]'}]", limits{time: time.Minute, results: 10, instructions: 100_000}, "more than 100000 instructions"},
		"not caught":   {"[{map: 'try repeat(1) catch 2 | empty'}]", limits{time: time.Minute, results: 10, instructions: 100_000}, "more than 100000 instructions"},
		"time":         {"[{map: '[range(1e12)]'}]", limits{time: time.Millisecond, results: 10, instructions: 1 << 40}, "more than 1ms"},
		"results":      {"[{map: 'repeat(1)'}]", limits{time: time.Minute, results: 10, instructions: 100_000}, "more than 10 results"},
		"filter once":  {"[{filter: 'repeat(true)'}]", limits{time: time.Minute, results: 10, instructions: 100_000}, ""},
		"output bytes": {"[{map: '., .'}]", limits{time: time.Minute, results: 10, bytes: 1, instructions: 100_000}, "more than 1 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := load(t, kafkaKeys+ordersIn+"steps: "+test.steps+"\noutput: {drop: {}}\n", Options{})
			h, ok := p.Config().Handler.(*handler)
			require.True(t, ok)
			h.limits = test.l
			err := h.Handle(t.Context(), record(`1`))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errBudget)
			require.ErrorContains(t, err, test.want)
			var permanent *stream.PermanentError
			require.ErrorAs(t, err, &permanent)
		})
	}
}

func TestSharedPartsDoNotExplodeInTheOutput(t *testing.T) {
	t.Parallel()
	_, err := handle(t, ordersIn+"steps: [{map: 'reduce range(60) as $i (0; [., .])'}]\noutput: {drop: {}}\n", record(`1`))
	require.ErrorIs(t, err, document.ErrTooLarge)
}

func TestCancelledAttemptIsNotTheRecordsFault(t *testing.T) {
	t.Parallel()
	p := load(t, kafkaKeys+ordersIn+"steps: [{map: '[range(1e12)]'}]\noutput: {drop: {}}\n", Options{})
	cause := errors.New("partition revoked")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	err := p.Config().Handler.Handle(ctx, record(`1`))
	require.ErrorIs(t, err, cause)
	var permanent *stream.PermanentError
	require.NotErrorAs(t, err, &permanent)
}

func TestOutputsWriteLines(t *testing.T) {
	t.Parallel()
	var stdout, log bytes.Buffer
	run := func(src string) {
		p := load(t, kafkaKeys+ordersIn+src, Options{Stdout: &stdout, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, p.Open())
		r := record("{\"a\":\n1}")
		require.NoError(t, p.Config().Handler.Handle(t.Context(), r))
		require.Empty(t, r.Outputs())
		require.NoError(t, p.Close())
	}
	run("output: {stdout: {}}\n")
	run("output: {stdout: }\n")
	require.Equal(t, "{\"a\":1}\n{\"a\":1}\n", stdout.String())

	path := t.TempDir() + "/out.jsonl"
	run("steps: [{map: '.a, 2'}]\noutput: {file: {path: " + path + "}}\n")
	run("output: {file: {path: " + path + "}}\n")
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "1\n2\n{\"a\":1}\n", string(written))

	run("output: {drop: {}}\n")
	require.Empty(t, log.String())
	run("")
	require.Contains(t, log.String(), `msg=record topic=orders partition=3 offset=42 key=k value="{\"a\":\n1}"`)
}

func TestOpenSaysThatTheFileCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := load(t, minimal+"output: {file: {path: /nowhere/at/all}}\n", Options{})
	require.ErrorIs(t, p.Open(), os.ErrNotExist)
	err := p.Config().Handler.Handle(t.Context(), record(`1`))
	var unavailable *stream.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, "file", unavailable.Name)
}
