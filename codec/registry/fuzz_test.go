package registry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is read from a file is written to one that is read as the same.
func FuzzFile(f *testing.F) {
	shared := &Schema{ID: 3, Type: Avro, Text: "money", Subject: "money", Version: 1}
	file, err := encodeFile("id-1", &Schema{ID: 1, Type: Protobuf, Text: "order", References: []Reference{
		{"c", "customer", 3, &Schema{ID: 2, Type: JSON, Text: "customer", References: []Reference{{"m", "money", 1, shared}}}},
		{"m", "money", 1, shared},
	}})
	require.NoError(f, err)
	f.Add(file[len(fileMagic)+64+1:])
	f.Add([]byte(`{"key":"id-1","nodes":[{"type":"AVRO","text":"x","references":[{"node":0}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := decodeContent("id-1", body)
		if err != nil {
			require.ErrorIs(t, err, errDamaged)
			return
		}
		file, err := encodeFile("id-1", s)
		require.NoError(t, err)
		again, err := decodeFile("id-1", file)
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

// Whatever a server answers, a lookup gives a schema or one of the package's errors, and does not panic.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"schema":"\"string\"","references":[{"name":"n","subject":"s","version":1}]}`), uint8(byID))
	f.Add(200, []byte(`null`), uint8(latest))
	f.Add(404, []byte(`{"error_code":40403,"message":"x"}`), uint8(byGUID))
	f.Fuzz(func(t *testing.T, status int, body []byte, what uint8) {
		if status < 100 || status > 999 {
			return
		}
		fake := newFake(t)
		fake.on("", text(status, string(body)))
		r := fake.with(func(c *Config) {
			c.Retries, c.UnknownGrace, c.ReferenceDepthMax, c.ReferencesMax, c.AnswerBytesMax = -1, -1, 3, 3, 10_000
		})
		q := question{kind: kind(what) % (register + 1), id: 1, subject: "s", version: 1}
		s, err := r.get(t.Context(), q, &Schema{Type: JSON, Text: "{}"})
		if err == nil {
			require.NotEmpty(t, s.Text)
			require.NotZero(t, s.Type)
			return
		}
		switch {
		case isUnavailable(err):
			requireOutage(t, err)
		default:
			require.Condition(t, func() bool {
				switch err.(type) { //nolint:errorlint // it must be the outermost
				case *UnknownSchemaError, *UnusableSchemaError, *RejectedError:
					return true
				}
				return false
			}, "%T", err)
		}
		require.NotContains(t, err.Error(), "panic")
	})
}
