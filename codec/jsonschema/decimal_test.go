package jsonschema

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDecimalsAgreeWithRationals compares with math/big, which is too slow for numbers from outside.
func TestDecimalsAgreeWithRationals(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	number := func() string {
		out := []string{"", "-"}[random.IntN(2)] + fmt.Sprint(random.IntN([]int{2, 10, 1000, 1 << 60}[random.IntN(4)]))
		if random.IntN(2) == 0 {
			out += fmt.Sprintf(".%0*d", 1+random.IntN(3), random.IntN(100))
		}
		if random.IntN(2) == 0 {
			out += fmt.Sprintf("%s%s%02d", []string{"e", "E"}[random.IntN(2)], []string{"", "+", "-"}[random.IntN(3)], random.IntN(25))
		}
		return out
	}
	for range 50_000 {
		a, b := number(), number()
		x, ok := new(big.Rat).SetString(a)
		require.True(t, ok)
		y, ok := new(big.Rat).SetString(b)
		require.True(t, ok)
		d, err := parseDecimal(a)
		require.NoError(t, err)
		e, err := parseDecimal(b)
		require.NoError(t, err)
		require.Equal(t, x.Cmp(y), d.compare(e), "%s %s", a, b)
		require.Equal(t, x.Cmp(y) == 0, d == e, "%s %s", a, b)
		require.Equal(t, x.IsInt(), d.whole(), a)
		text, ok := new(big.Rat).SetString(d.String())
		require.True(t, ok)
		if d.size() <= 40 {
			require.Zero(t, text.Cmp(x), "%s is not %s", d, a)
		}
		if y.Sign() > 0 {
			require.Equal(t, new(big.Rat).Quo(x, y).IsInt(), d.multipleOf(e), "%s %s", a, b)
		}
	}
}

func TestWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "-", "+1", "01", "-01", "1.", ".1", "1e", "1e+", "1x", " 1", "1 ", "0x1", "NaN", "Infinity", "1_0", "--1", "1.e5", "1e5.0", "١"} {
		_, err := parseDecimal(text)
		require.ErrorIs(t, err, errNotNumber, text)
		require.False(t, json.Valid([]byte(text)) && !strings.Contains(text, " "), text)
	}
	_, ok, err := asDecimal(math.Inf(1))
	require.True(t, ok)
	require.Error(t, err)
	_, ok, _ = asDecimal("1")
	require.False(t, ok)
}

func TestSizesOfNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0": 0, "0e999999999": 0, "1": 1, "100": 3, "1e2": 3, "0.01": 2, "1e-2": 2, "12.5": 3, "1e999": 1000, "1e-999": 999} {
		d, err := parseDecimal(text)
		require.NoError(t, err)
		require.Equal(t, want, d.size(), text)
	}
	for _, text := range []string{"1e99999999999999999999999999", "1e-99999999999999999999999999", "-1.5E+99999999999999999999999999"} {
		d, err := parseDecimal(text)
		require.NoError(t, err)
		require.Greater(t, d.size(), 1<<39)
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0": 0, "7": 7, "7.0": 7, "7e1": 70, "1e17": 1e17, "1e18": math.MaxInt, "1e999": math.MaxInt} {
		d, err := parseDecimal(text)
		require.NoError(t, err)
		require.Equal(t, want, d.count(), text)
	}
	require.NoError(t, parse(t, `{"maxLength": 1e30, "minLength": 0.0}`).Check([]byte(`"a"`)))
	require.Error(t, parse(t, `{"minLength": 1e30}`).Check([]byte(`"a"`)))
}
