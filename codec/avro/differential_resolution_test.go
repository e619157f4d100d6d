package avro

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"
)

// TestDifferentialResolution reads random payloads through an evolved schema, and the evolved schema's through the first.
func TestDifferentialResolution(t *testing.T) {
	t.Parallel()
	count, seed := pairs(t)
	g := newGenerator(seed)
	const payloads = 5
	resolved := 0
	for range count / payloads / 2 {
		first := g.schema()
		texts := [2]string{first.text(), g.evolve(first).text()}
		if g.IntN(2) == 0 {
			texts[0], texts[1] = texts[1], texts[0]
		}
		var schemas [2]*Schema
		var others [2]*twmb.Schema
		for i, text := range texts {
			var err error
			if schemas[i], err = Parse(text, nil, Limits{}); err != nil {
				break
			}
			others[i], err = twmb.Parse(text)
			require.NoError(t, err, text)
		}
		if schemas[0] == nil || schemas[1] == nil {
			continue // the evolved schema lost a type that it still names
		}
		where := texts[0] + "\n" + texts[1]
		r, err := NewReader(schemas[0], schemas[1], Options{Times: TimesNumber})
		other, failed := twmb.Resolve(others[0], others[1])
		if err != nil {
			require.True(t, failed != nil || strictResolution(err), "only incompatible here: %v\n%s", err, where)
			continue
		}
		same := readerOf(t, schemas[1], nil, Options{Times: TimesNumber})
		for range payloads {
			data, finite := g.value(schemas[0].root)
			if finite && through(t, r, same, other, failed, fmt.Sprintf("%s\n%x", where, data), data) {
				resolved++
			}
		}
	}
	require.Greater(t, resolved, count/10, "most evolutions can be read")
}

// through reads a payload through a resolved pair of schemas; failed says why the other library cannot resolve it.
func through(t *testing.T, r, same *Reader, other *twmb.Schema, failed error, where string, data []byte) bool {
	t.Helper()
	got, err := r.Decode(data)

	// The bytes of the reader's schema, which typed values are read from, are the same value or the same error.
	c := transcoder{cursor: cursor{data: data}, outMax: 1 << 24, fills: 1 << 24}
	err2 := c.value(r.plan)
	if err != nil {
		require.EqualError(t, err2, err.Error(), where)
	} else {
		require.NoError(t, err2, where)
		again, err := same.Decode(c.out)
		require.NoError(t, err, where)
		require.Equal(t, got, again, where)
		var typed any
		require.NoError(t, r.Unmarshal(data, &typed), where)
	}
	if failed != nil {
		// The other library refuses a pair at once if the reader cannot take one branch of a writer's union, even if it
		// never comes, and if an enum's symbol is not known.
		return err == nil
	}
	var theirs any
	rest, otherErr := other.Decode(data, &theirs, twmb.TaggedUnions())
	if err != nil {
		require.True(t, otherErr != nil || strictResolution(err), "only refused here: %v\n%s", err, where)
		return false
	}
	require.NoError(t, otherErr, where)
	require.Empty(t, rest)
	require.Equal(t, plainOf(t, r.reader.root, theirs), got, where)
	return true
}

// strictResolution has what this package refuses to resolve and twmb/avro does not: fields without a default, which for it
// is null if the type is a union with null; bytes that are no text as a string; and text as a decimal, or the reverse.
func strictResolution(err error) bool {
	return strings.Contains(err.Error(), "it has no default") || errors.Is(err, errPromotedUTF8) || strings.Contains(err.Error(), "(decimal)")
}
