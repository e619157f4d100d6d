package jsonschema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPositionsOfRandomParts writes documents by hand, with spaces, escapes and duplicate names, and notes where each
// value starts.
func TestPositionsOfRandomParts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		w := positions{random: rand.New(rand.NewPCG(seed, 3)), starts: map[string]int{}}
		w.space()
		w.value(nil, 4, true)
		w.space()
		require.True(t, json.Valid([]byte(w.out.String())), "seed %d: %s", seed, w.out.String())
		for key, start := range w.starts {
			require.Equal(t, int64(start), locate([]byte(w.out.String()), w.paths[key]), "seed %d: %s in %s", seed, key, w.out.String())
		}
	}
}

type positions struct {
	random *rand.Rand
	out    strings.Builder
	starts map[string]int
	paths  map[string][]step
}

func (w *positions) space() { w.out.WriteString([]string{"", " ", "\n\t"}[w.random.IntN(3)]) }

func (w *positions) value(path []step, depth int, counts bool) {
	if counts {
		key := fmt.Sprint(path)
		if w.paths == nil {
			w.paths = map[string][]step{}
		}
		w.starts[key], w.paths[key] = w.out.Len(), append([]step(nil), path...)
	}
	kind := w.random.IntN(4)
	if depth == 0 {
		kind = w.random.IntN(2)
	}
	switch kind {
	case 0:
		w.out.WriteString([]string{"1", "-2.5e3", "true", "null"}[w.random.IntN(4)])
	case 1:
		w.out.WriteString([]string{`"a"`, `""`, `"\"]}\\"`, `"[{,"`}[w.random.IntN(4)])
	case 2:
		w.array(path, depth, counts)
	default:
		w.object(path, depth, counts)
	}
}

func (w *positions) array(path []step, depth int, counts bool) {
	w.out.WriteByte('[')
	w.space()
	for i := range w.random.IntN(4) {
		if i > 0 {
			w.out.WriteByte(',')
		}
		w.space()
		w.value(append(path, step{index: i}), depth-1, counts)
		w.space()
	}
	w.out.WriteByte(']')
}

// object writes names twice at times: what is in the first is not in the document, nor is anything below.
func (w *positions) object(path []step, depth int, counts bool) {
	w.out.WriteByte('{')
	w.space()
	names := []string{"a", "b/~", `c"`, "ä", ""}
	for i := range w.random.IntN(4) {
		if i > 0 {
			w.out.WriteByte(',')
		}
		name := names[i]
		if w.random.IntN(4) == 0 {
			w.member(name, append(path, step{name, -1}), depth, false)
			w.out.WriteByte(',')
		}
		w.member(name, append(path, step{name, -1}), depth, counts)
	}
	w.out.WriteByte('}')
}

func (w *positions) member(name string, path []step, depth int, counts bool) {
	w.space()
	if w.random.IntN(2) == 0 {
		w.out.WriteString(strconv.QuoteToASCII(name))
	} else {
		text, _ := json.Marshal(name)
		w.out.Write(text)
	}
	w.space()
	w.out.WriteByte(':')
	w.space()
	w.value(path, depth-1, counts)
	w.space()
}

func TestPointersAreShort(t *testing.T) {
	t.Parallel()
	require.Empty(t, pointer(nil))
	require.Equal(t, "/a~1b~0/3/", pointer([]step{{"a/b~", -1}, {index: 3}, {"", -1}}))
	long := make([]step, 500)
	for i := range long {
		long[i] = step{strings.Repeat("ä", 100), -1}
	}
	long[499] = step{"last", -1}
	text := pointer(long)
	require.Less(t, len(text), 300)
	require.True(t, strings.HasSuffix(text, "/last"))
	require.True(t, strings.HasPrefix(text, "/ää"))
}
