package avro

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	hamba "github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"
)

// How much the differential tests do: TROUPE_AVRO_PAIRS=120000 for all of it.
func pairs(t *testing.T) (count int, seed uint64) {
	t.Helper()
	count, seed = 2_000, uint64(time.Now().UnixNano())
	if text := os.Getenv("TROUPE_AVRO_PAIRS"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("TROUPE_AVRO_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("%d pairs, TROUPE_AVRO_SEED=%d", count, seed)
	return count, seed
}

// plainOf turns what the other libraries decode to into what Decode gives with TimesNumber.
func plainOf(t testing.TB, n *node, v any) any {
	t.Helper()
	if n.kind == kindUnion {
		return plainOfUnion(t, n, v)
	}
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case int, int32, int64:
		return json.Number(fmt.Sprint(v))
	case float32:
		return plainFloat(float64(v), 32)
	case float64:
		return plainFloat(v, 64)
	case time.Time:
		return json.Number(strconv.FormatInt(plainTime(n.logical, v), 10))
	case time.Duration:
		perSecond, _ := n.logical.unit()
		return json.Number(strconv.FormatInt(int64(v)/(1e9/perSecond), 10))
	case *big.Rat:
		return json.Number(v.FloatString(n.scale))
	case twmb.Duration:
		b := v.Bytes()
		return any(durationOf(b[:]))
	case hamba.LogicalDuration:
		return map[string]any{
			"months": json.Number(fmt.Sprint(v.Months)), "days": json.Number(fmt.Sprint(v.Days)), "milliseconds": json.Number(fmt.Sprint(v.Milliseconds)),
		}
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case []any:
		values := make([]any, len(v))
		for i := range v {
			values[i] = plainOf(t, n.items, v[i])
		}
		return values
	case map[string]any:
		object := map[string]any{}
		for key, value := range v {
			if n.kind == kindRecord {
				require.GreaterOrEqual(t, n.fieldNamed(key), 0, key)
				object[key] = plainOf(t, n.fields[n.fieldNamed(key)].node, value)
			} else {
				object[key] = plainOf(t, n.items, value)
			}
		}
		return object
	}
	if array := reflect.ValueOf(v); array.Kind() == reflect.Array {
		data := make([]byte, array.Len())
		reflect.Copy(reflect.ValueOf(data), array)
		return base64.StdEncoding.EncodeToString(data)
	}
	t.Fatalf("%s came as a %T", n.describe(), v)
	return nil
}

func plainFloat(f float64, bits int) any {
	d := decoder{}
	return d.real(f, bits)
}

func plainTime(l logical, v time.Time) int64 {
	switch perSecond, _ := l.unit(); {
	case l == logicalDate:
		return int64(math.Floor(float64(v.Unix()) / secondsPerDay))
	case perSecond == 1e9:
		return v.UnixNano()
	case perSecond == 1e6:
		return v.UnixMicro()
	default:
		return v.UnixMilli()
	}
}

// plainOfUnion finds the branch: both libraries have been told to name it.
func plainOfUnion(t testing.TB, n *node, v any) any {
	t.Helper()
	if v == nil {
		return nil
	}
	if tag, ok := v.(map[string]any); ok && len(tag) == 1 {
		for name, value := range tag {
			for _, branch := range n.branches {
				tagged := branch.typeName()
				if branch.logical != logicalNone && branch.name == "" {
					tagged += "." + branch.logical.String()
				}
				if name == tagged || name == branch.typeName() {
					return plainOf(t, branch, value)
				}
			}
		}
	}
	// hamba does not name the branch where a Go type stands for it; without nulls there is one that goes with it.
	for _, branch := range n.branches {
		if goesWith(branch, v) {
			return plainOf(t, branch, v)
		}
	}
	t.Fatalf("%s came as %T %v", n.describeBranches(), v, v)
	return nil
}

func goesWith(n *node, v any) bool {
	switch v := v.(type) {
	case bool:
		return n.kind == kindBoolean
	case int, int32:
		return n.kind == kindInt
	case int64:
		return n.kind == kindLong
	case float32:
		return n.kind == kindFloat
	case float64:
		return n.kind == kindDouble
	case string:
		return n.kind == kindString || n.kind == kindEnum
	case []byte:
		return n.kind == kindBytes && n.logical == logicalNone
	case *big.Rat:
		return n.logical == logicalDecimal
	case time.Duration:
		return n.logical == logicalTimeMillis || n.logical == logicalTimeMicros
	case time.Time:
		return n.logical.isTime()
	case hamba.LogicalDuration:
		return n.logical == logicalDuration
	case []any:
		return n.kind == kindArray
	case map[string]any:
		return n.kind == kindRecord || n.kind == kindMap
	default:
		return reflect.TypeOf(v).Kind() == reflect.Array && n.kind == kindFixed
	}
}

// TestDifferential decodes random payloads of random schemas with this package, with hamba through Unmarshal, and with
// twmb/avro, and encodes what it got.
func TestDifferential(t *testing.T) {
	t.Parallel()
	count, seed := pairs(t)
	g := newGenerator(seed)
	const payloads = 5
	for range count / payloads {
		text := g.schema().text()
		s, err := Parse(text, nil, Limits{})
		require.NoError(t, err, text)
		other, err := twmb.Parse(text)
		require.NoError(t, err, text)
		r := readerOf(t, s, nil, Options{Times: TimesNumber})
		for range payloads {
			data, finite := g.value(s.root)
			if !finite {
				continue
			}
			differ(t, s, r, other, text, data)
			damaged(t, g, r, other, text, data)
		}
	}
}

func differ(t *testing.T, s *Schema, r *Reader, other *twmb.Schema, text string, data []byte) {
	t.Helper()
	where := fmt.Sprintf("%s\n%x", text, data)
	got, err := r.Decode(data)
	require.NoError(t, err, where)

	var theirs any
	rest, err := other.Decode(data, &theirs, twmb.TaggedUnions())
	require.NoError(t, err, where)
	require.Empty(t, rest)
	require.Equal(t, plainOf(t, s.root, theirs), got, where)

	var typed any
	require.NoError(t, r.Unmarshal(data, &typed), where)
	if !ambiguous(s.root, map[*node]bool{}) {
		require.Equal(t, plainOf(t, s.root, typed), got, where)
	}

	// What the other library writes is read the same way. It need not be the same value: of a union's records it takes one
	// whose fields it can fill in from defaults, and it does not take decimals of more digits than their precision, which
	// can be read but not written.
	if written, err := other.Encode(theirs); err == nil {
		again, err := r.Decode(written)
		require.NoError(t, err, where)
		var reread any
		_, err = other.Decode(written, &reread, twmb.TaggedUnions())
		require.NoError(t, err, where)
		require.Equal(t, plainOf(t, s.root, reread), again, where)
	} else {
		require.Contains(t, text, "decimal", "%v\n%s", err, where)
	}

	// What is written from the value is the same value.
	out, err := s.Encode(got)
	if err != nil {
		require.Contains(t, text, "decimal", "%v\n%s", err, where)
		return
	}
	again, err := r.Decode(out)
	require.NoError(t, err, where)
	if !lossy(s.root, map[*node]bool{}) {
		require.Equal(t, got, again, where)
	}
	var reread any
	if _, err = other.Decode(out, &reread, twmb.TaggedUnions()); err != nil {
		// A number that was a float before.
		require.ErrorContains(t, err, "overflows time.Duration", where)
		return
	}
	require.Equal(t, plainOf(t, s.root, reread), again, where)
}

// lossy says whether a bare value can be taken by another branch of a union, which writes it in its own way.
func lossy(n *node, seen map[*node]bool) bool {
	return walk(n, seen, func(part *node) bool {
		objects, numbers, decimals := 0, 0, 0
		for _, b := range part.branches {
			switch {
			case b.kind == kindRecord || b.kind == kindMap:
				objects++
			case b.kind >= kindInt && b.kind <= kindDouble:
				numbers++
			case b.logical == logicalDecimal:
				decimals++
			}
		}
		return objects > 1 || decimals > 1 || decimals == 1 && numbers > 0
	})
}

// ambiguous says whether hamba's generic value does not tell which branch of a union it is.
func ambiguous(n *node, seen map[*node]bool) bool {
	return walk(n, seen, func(part *node) bool {
		if part.kind != kindUnion {
			return false
		}
		records, texts, times := 0, 0, 0
		for _, b := range part.branches {
			if b.kind == kindRecord || b.kind == kindMap {
				records++
			}
			if b.kind == kindString || b.kind == kindEnum {
				texts++
			}
			if b.logical.isTime() || b.kind == kindFixed || b.logical == logicalDecimal {
				times++
			}
		}
		return records > 0 || texts > 1 || times > 1
	})
}

// damaged holds the checker to the other library on payloads that are cut or changed: what one reads the other reads, but
// for what this package is stricter about.
func damaged(t *testing.T, g *generator, r *Reader, other *twmb.Schema, text string, data []byte) {
	t.Helper()
	if len(data) == 0 {
		return
	}
	bad := append([]byte{}, data...)
	if g.IntN(2) == 0 {
		bad = bad[:g.IntN(len(bad))]
	} else {
		bad[g.IntN(len(bad))] ^= 1 << g.IntN(8)
	}
	where := fmt.Sprintf("%s\n%x", text, bad)
	got, err := r.Decode(bad)
	var theirs any
	rest, failed := other.Decode(bad, &theirs, twmb.TaggedUnions())
	accepted := failed == nil && len(rest) == 0
	switch {
	case err == nil && accepted:
		require.Equal(t, plainOf(t, r.reader.root, theirs), got, where)
	case err == nil:
		// Times of day beyond a time.Duration are numbers here, and the limit on items of no bytes is another.
		require.Regexp(t, "overflows time.Duration|array of zero-byte items", failed.Error(), where)
	case accepted:
		require.True(t, stricter(err), "only refused here: %v\n%s", err, where)
	}
}

// stricter has what this package refuses and twmb/avro reads.
func stricter(err error) bool {
	for _, known := range []error{errBoolean, errBlockSize, ErrUTF8, errInt, errVarint, ErrLimit} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// walk visits the parts of a type until found says so.
func walk(n *node, seen map[*node]bool, found func(*node) bool) bool {
	if seen[n] {
		return false
	}
	seen[n] = true
	if found(n) || n.items != nil && walk(n.items, seen, found) {
		return true
	}
	for i := range n.fields {
		if walk(n.fields[i].node, seen, found) {
			return true
		}
	}
	return slices.ContainsFunc(n.branches, func(branch *node) bool { return walk(branch, seen, found) })
}
