package registry

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLatestIsUsedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const path = "GET /subjects/orders-value/versions/latest"
		f := newVirtual(t)
		f.on(path, inTurn(described(1, "first"), described(2, "second")))
		r := f.with(nil)
		get := func(want int32) *Schema {
			t.Helper()
			s, err := r.Latest(t.Context(), "orders-value")
			require.NoError(t, err)
			require.Equal(t, want, s.ID)
			return s
		}
		require.Equal(t, Schema{ID: 1, Type: Avro, Text: "first", Subject: "orders-value", Version: 1}, *get(1))
		pass(30*time.Second - 1)
		get(1)
		pass(1)
		get(2)
		require.Len(t, f.requests(), 2)

		// While the registry is away the last one serves; only the first call waits to find that out.
		f.on(path, hangs)
		pass(30 * time.Second)
		begun := time.Now()
		get(2)
		require.Greater(t, time.Since(begun), 15*time.Second)
		for range 10 {
			begun = time.Now()
			get(2)
			require.Zero(t, time.Since(begun))
			pass(7 * time.Second)
		}
		require.Positive(t, r.Stats().StaleHits)
		f.on(path, described(3, "third"))
		pass(time.Minute)
		get(2) // begins the lookup that finds out
		synctest.Wait()
		get(3)

		f.on(path, text(404, `{"error_code":40401,"message":"Subject not found"}`))
		pass(30 * time.Second)
		_, err := r.Latest(t.Context(), "orders-value")
		requireUnknown(t, err)
	})
}

func TestLatestOfAnUnknownSubjectIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("", text(404, `{"error_code":40401,"message":"Subject 'orders-value' not found."}`))
		begun := time.Now()
		_, err := f.with(nil).Latest(t.Context(), "orders-value")
		requireUnknown(t, err)
		require.ErrorContains(t, err, "the latest schema of subject orders-value is not in the registry")
		require.Zero(t, time.Since(begun))
		require.Len(t, f.requests(), 1)
	})
}

func TestRegisterIsAskedOnceForEachSchema(t *testing.T) {
	t.Parallel()
	const (
		versions = "a.test POST /subjects/s/versions"
		subject  = "a.test POST /subjects/s"
		id       = "a.test GET /schemas/ids/5"
	)
	f := newFake(t)
	r := f.with(func(c *Config) { c.UnknownGrace, c.Backoff = -1, 1 })
	_, err := r.ByID(t.Context(), 5)
	requireUnknown(t, err)
	draft := Schema{Type: JSON, Text: "{\n}", References: []Reference{{Name: "n", Subject: "other", Version: 2}}}
	_, err = r.Lookup(t.Context(), "s", draft)
	requireUnknown(t, err)
	require.ErrorContains(t, err, "this schema under subject s is not in the registry")
	f.requests()

	f.on("POST /subjects/s/versions", inTurn(text(503, ""), text(200, `{"id":5}`)))
	f.on("GET /schemas/ids/5", text(200, `{"schema":"{}","schemaType":"JSON"}`))
	f.on("POST /subjects/s", text(200, `{"subject":"s","version":4,"id":5,"guid":"89791762-2336-4186-9674-299b90a802e2","schema":"{}"}`))
	s, err := r.Register(t.Context(), "s", draft)
	require.NoError(t, err)
	require.Equal(t, int32(5), s.ID)
	require.Equal(t, JSON, s.Type)
	require.Equal(t, "89791762-2336-4186-9674-299b90a802e2", s.GUID.String())
	require.Equal(t, []string{versions, versions, id, subject}, f.requests())

	again, err := r.Register(t.Context(), "s", draft)
	require.NoError(t, err)
	require.Same(t, s, again)
	require.Empty(t, f.requests())

	// What was unknown before is not believed any more.
	_, err = r.ByID(t.Context(), 5)
	require.NoError(t, err)
	looked, err := r.Lookup(t.Context(), "s", draft)
	require.NoError(t, err)
	require.Equal(t, 4, looked.Version)
	require.Equal(t, JSON, looked.Type, "not told by every registry, but known")
	require.Len(t, f.requests(), 2)

	draft.References[0].Version = 3
	_, err = r.Register(t.Context(), "s", draft)
	require.NoError(t, err)
	require.Len(t, f.requests(), 3, "another schema")
}

func TestRefusedSchemas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status       int
		body         string
		incompatible bool
		words        string
	}{
		"incompatible": {
			409, `{"error_code":409,"message":"Schema being registered is incompatible with an earlier schema"}`, true,
			"the schema is not compatible with the versions of subject s that are registered: http://a.test answers HTTP 409, code 409: Schema being registered is incompatible",
		},
		"invalid": {
			422, `{"error_code":42201,"message":"Invalid schema"}`, false,
			"the schema for subject s is not accepted: http://a.test answers HTTP 422, code 42201: Invalid schema",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.on("", text(c.status, c.body))
			r := f.with(nil)
			_, err := r.Register(t.Context(), "s", Schema{Type: Avro, Text: `"string"`})
			var rejected *RejectedError
			require.ErrorAs(t, err, &rejected)
			require.Equal(t, c.incompatible, rejected.Incompatible)
			require.Equal(t, "s", rejected.Subject)
			require.ErrorContains(t, err, c.words)
			require.False(t, isUnavailable(err))
			require.Len(t, f.requests(), 1)
		})
	}
}

func TestRegisterInAnOutageIsAnOutage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on("", fails(syscall.ECONNREFUSED))
	r := f.with(func(c *Config) { c.Backoff = 1 })
	_, err := r.Register(t.Context(), "s", Schema{Type: Avro, Text: `"string"`})
	requireOutage(t, err, "ask http://a.test for a new schema of subject s: connection refused")
	f.on("", text(403, ""))
	_, err = r.Register(t.Context(), "s", Schema{Type: Avro, Text: `"string"`})
	requireOutage(t, err, "what they may do")
	// A follower may not know yet what the leader has just taken.
	f.on("", text(200, `{"id":5}`))
	f.on("GET /schemas/ids/5", notFound)
	_, err = r.Register(t.Context(), "s", Schema{Type: Avro, Text: `"string"`})
	requireOutage(t, err, "40403")
}

func TestWhatNoRegistryTakesIsNotSent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := f.with(nil)
	for _, c := range []struct {
		subject string
		draft   Schema
	}{{"s", Schema{Text: "x"}}, {"s", Schema{Type: 9, Text: "x"}}, {"s", Schema{Type: Avro}}, {"", Schema{Type: Avro, Text: "x"}}} {
		var rejected *RejectedError
		_, err := r.Register(t.Context(), c.subject, c.draft)
		require.ErrorAs(t, err, &rejected)
		_, err = r.Lookup(t.Context(), c.subject, c.draft)
		require.ErrorAs(t, err, &rejected)
	}
	require.Empty(t, f.requests())
}
