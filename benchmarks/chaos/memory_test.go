package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// steady are readings of all meters that go up and down and do not grow.
func steady() readings {
	r := make(readings)
	for _, m := range meters {
		for i := range 30 {
			r[m.name] = append(r[m.name], 1e6+float64(i%5)*1e5)
		}
	}
	return r
}

func TestGrowthIsToldApartFromUpsAndDowns(t *testing.T) {
	t.Parallel()
	found, violations := steady().growth()
	require.Len(t, found, len(meters))
	require.Empty(t, violations)

	warming := steady()
	for i := range 5 {
		warming["go_goroutines"][i] = 1
	}
	_, violations = warming.growth()
	require.Empty(t, violations)

	leaking := steady()
	for i := range leaking["go_goroutines"] {
		leaking["go_goroutines"][i] += 1e4 * float64(i)
	}
	_, violations = leaking.growth()
	require.Len(t, violations, 1)
	require.Contains(t, violations[0], "go_goroutines grew")
}

func TestMetersThatWereNotReadAreAViolation(t *testing.T) {
	t.Parallel()
	_, violations := readings{}.growth()
	require.Len(t, violations, len(meters))
}
