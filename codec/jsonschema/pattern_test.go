package jsonschema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPatternsOfECMA(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`^a$`:              `^a$`,
		`\u0041`:           `\x{41}`,
		`[\u0000-\u007F]+`: `[\x{0}-\x{7f}]+`,
		`\\u0041`:          `\\u0041`,
		`\\\u0041`:         `\\\x{41}`,
		`\ud83d\ude00`:     `\x{1f600}`,
		`\ud83d`:           `\x{d83d}`,
		`\u004`:            `\u004`,
		`\u00zz`:           `\u00zz`,
		`a\`:               `a\`,
		`\u0041\`:          `\x{41}\`,
	} {
		require.Equal(t, want, fromECMA(text), text)
	}
	s := parse(t, `{"pattern": "^[\\u0041-\\u0043]\\/\\ud83d\\ude00$"}`)
	require.NoError(t, s.Check([]byte(`"B/😀"`)))
	require.Error(t, s.Check([]byte(`"D/😀"`)))
	require.NoError(t, parse(t, `{"pattern": "b"}`).Check([]byte(`"abc"`)), "patterns are not anchored")
}
