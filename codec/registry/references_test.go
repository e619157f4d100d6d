package registry

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func version(subject string, version int) string {
	return fmt.Sprintf("GET /subjects/%s/versions/%d", subject, version)
}

func TestReferencesAreResolvedEachOnce(t *testing.T) {
	t.Parallel()
	// order -> customer -> money, order -> money, and both name money differently.
	f := newFake(t)
	f.on("GET /schemas/ids/1", described(1, "order", ref{"c", "customer", 3}, ref{"m", "money", 1}))
	f.on(version("customer", 3), described(2, "customer", ref{"other/m", "money", 1}))
	f.on(version("money", 1), described(3, "money"))
	s, err := f.with(nil).ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, f.requests(), 3)

	customer := s.References[0].Schema
	require.Equal(t, "customer", customer.Text)
	require.Equal(t, int32(2), customer.ID)
	require.Equal(t, "customer", customer.Subject)
	require.Same(t, s.References[1].Schema, customer.References[0].Schema)
	var order []string
	for _, r := range s.Dependencies() {
		order = append(order, r.Name)
	}
	require.Equal(t, []string{"other/m", "c", "m"}, order)
	require.Equal(t, int64(4*schemaOverhead+len("order")+len("customer")+len("money")), s.cost())
}

func TestSubjectsAreEscaped(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on("GET /schemas/ids/1", described(1, "order", ref{"common/money.proto", "common/money.proto", 1}))
	f.on("GET /subjects/common%2Fmoney.proto/versions/1", described(2, "money"))
	_, err := f.with(nil).ByID(t.Context(), 1)
	require.NoError(t, err)
}

// manyReferences are few directly and too many in all.
func manyReferences(f *fake) {
	var refs []ref
	for i := range 200 {
		refs = append(refs, ref{"n", fmt.Sprintf("n%d", i), 1})
		f.on(version(fmt.Sprintf("n%d", i), 1), described(2, "n", ref{"m", fmt.Sprintf("m%d", i), 1}))
		f.on(version(fmt.Sprintf("m%d", i), 1), described(3, "m"))
	}
	f.on("GET /schemas/ids/1", described(1, "root", refs...))
}

func TestBrokenReferencesAreFinal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   func(*fake)
		is    error
		words string
	}{
		"a circle": {func(f *fake) {
			f.on("GET /schemas/ids/1", described(1, "root", ref{"a", "a", 1}))
			f.on(version("a", 1), described(2, "a", ref{"b", "b", 1}))
			f.on(version("b", 1), described(3, "b", ref{"a", "a", 1}))
		}, ErrReferences, "in a circle: a version 1 -> b version 1 -> a version 1"},
		"to nothing": {func(f *fake) {
			f.on("GET /schemas/ids/1", described(1, "root", ref{"a", "", 1}))
		}, ErrReferences, "names no subject"},
		"itself": {func(f *fake) {
			f.on("GET /schemas/ids/1", described(1, "root", ref{"a", "a", 1}))
			f.on(version("a", 1), described(2, "a", ref{"a", "a", 1}))
		}, ErrReferences, "in a circle: a version 1 -> a version 1"},
		"without an end": {func(f *fake) {
			f.on("", func(request *http.Request) (*http.Response, error) {
				next := len(request.URL.Path)
				return described(1, "deep", ref{"n", strings.Repeat("n", next), 1})(request)
			})
		}, ErrReferences, "deeper than 16"},
		"very many": {func(f *fake) {
			var refs []ref
			for i := range 257 {
				refs = append(refs, ref{"n", "n", i})
			}
			f.on("GET /schemas/ids/1", described(1, "root", refs...))
		}, ErrTooLarge, "more than 256"},
		"many, spread": {manyReferences, ErrTooLarge, "more than 256"},
		"too much text": {func(f *fake) {
			var refs []ref
			for i := range 4 {
				refs = append(refs, ref{"n", fmt.Sprintf("n%d", i), 1})
				f.on(version(fmt.Sprintf("n%d", i), 1), described(2, strings.Repeat("x", 18_000)))
			}
			f.on("GET /schemas/ids/1", described(1, strings.Repeat("x", 9_000), refs...))
		}, ErrTooLarge, "with its references it has more than 80000 bytes"},
		"one too large": {func(f *fake) {
			f.on("GET /schemas/ids/1", described(1, "root", ref{"a", "a", 1}))
			f.on(version("a", 1), described(2, strings.Repeat("x", 20_000)))
		}, ErrTooLarge, "a version 1: http://a.test answers too large"},
		"deleted": {func(f *fake) {
			f.on("GET /schemas/ids/1", described(1, "root", ref{"a", "a", 1}))
			f.on(version("a", 1), described(2, "a", ref{"b", "b", 2}))
			f.on(version("b", 2), text(404, `{"error_code":40402,"message":"Version 2 not found."}`))
		}, ErrReferences, "a version 1 -> b version 2: version 2 of subject b is not in the registry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c.set(f)
			_, err := f.with(func(c *Config) { c.AnswerBytesMax, c.UnknownGrace = 20_000, -1 }).ByID(t.Context(), 1)
			var unusable *UnusableSchemaError
			require.ErrorAs(t, err, &unusable)
			require.Equal(t, "schema id 1", unusable.What)
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.words)
			require.False(t, isUnavailable(err))
			require.LessOrEqual(t, len(f.requests()), 257)
		})
	}
}

func TestOutageOfAReferenceIsAnOutage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on("GET /schemas/ids/1", described(1, "root", ref{"a", "a", 1}))
	f.on(version("a", 1), fails(syscall.ECONNREFUSED))
	r := f.with(func(c *Config) { c.Retries = -1 })
	_, err := r.ByID(t.Context(), 1)
	requireOutage(t, err, "ask http://a.test for version 1 of subject a")
	f.on(version("a", 1), described(2, "a"))
	_, err = r.ByID(t.Context(), 1)
	require.NoError(t, err)
}

func TestReferencesUnknownToOneNodeAreAskedOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t) // a.test knows nothing yet
		f.on("b.test GET /base/schemas/ids/1", described(1, "root", ref{"a", "a", 1}))
		f.on("b.test GET /base/subjects/a/versions/1", described(2, "a"))
		_, err := f.with(func(c *Config) { c.URLs = []string{nodeA, nodeB} }).ByID(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, f.requests(), 4)
	})
}
