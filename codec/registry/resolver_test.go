package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/internal/core"
)

func TestOutagesHaveTheNameThatTheEngineKnows(t *testing.T) {
	t.Parallel()
	require.Equal(t, core.RegistryDependency, Dependency)
}

func TestHundredFirstUsesMakeOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("GET /schemas/ids/7", after(50*time.Millisecond, described(7, `"string"`)))
		r := f.with(nil)
		var group sync.WaitGroup
		schemas := make([]*Schema, 100)
		for i := range schemas {
			group.Go(func() {
				var err error
				if schemas[i], err = r.ByID(t.Context(), 7); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, []string{"a.test GET /schemas/ids/7"}, f.requests())
		for _, s := range schemas {
			require.Same(t, schemas[0], s)
		}
		require.Equal(t, Schema{ID: 7, Type: Avro, Text: `"string"`}, *schemas[0])
		require.Equal(t, int64(99), r.Stats().Joined)

		pass(365 * 24 * time.Hour)
		again, err := r.ByID(t.Context(), 7)
		require.NoError(t, err)
		require.Same(t, schemas[0], again)
		require.Empty(t, f.requests(), "an id is kept for ever")
	})
}

func TestKeptIDAllocatesNothing(t *testing.T) {
	f := newFake(t)
	f.on("GET /schemas/ids/7", described(7, `"string"`))
	r := f.with(nil)
	ctx := t.Context()
	_, err := r.ByID(ctx, 7)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, err := r.ByID(ctx, 7); err != nil {
			t.Fatal(err)
		}
	}))
}

func TestLeastRecentlyUsedSchemasAreDropped(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"by number": func(c *Config) { c.SchemasMax = 2 },
		"by bytes":  func(c *Config) { c.CacheBytesMax = 2*schemaOverhead + 2*1000 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			for id := 1; id <= 3; id++ {
				f.on(fmt.Sprintf("GET /schemas/ids/%d", id), described(id, strings.Repeat("x", 1000)))
			}
			r := f.with(change)
			get := func(id int32) {
				t.Helper()
				_, err := r.ByID(t.Context(), id)
				require.NoError(t, err)
			}
			get(1)
			get(2)
			get(1)
			get(3) // drops 2
			get(1)
			require.Len(t, f.requests(), 3)
			require.Equal(t, 2, r.Stats().Schemas)
			require.Equal(t, int64(2*schemaOverhead+2*1000), r.Stats().SchemaBytes)
			get(2)
			require.Len(t, f.requests(), 1)
		})
	}
}

func TestUnknownIDIsAskedForAgainAndThenBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("GET /schemas/ids/7", notFound)
		r := f.with(nil)
		begun := time.Now()
		_, err := r.ByID(t.Context(), 7)
		requireUnknown(t, err)
		require.Equal(t, int64(2), r.Stats().Retries)
		require.EqualError(t, err,
			"schema id 7 is not in the registry: http://a.test answers HTTP 404, code 40403: Schema 7 not found")
		require.Equal(t, time.Second, time.Since(begun), "the grace")
		require.Len(t, f.requests(), 3)

		pass(10*time.Second - 1)
		_, err = r.ByID(t.Context(), 7)
		requireUnknown(t, err)
		require.Empty(t, f.requests(), "it is remembered for UnknownTTL")
		require.Equal(t, int64(1), r.Stats().UnknownHits)

		f.on("GET /schemas/ids/7", described(7, `"string"`))
		pass(1)
		s, err := r.ByID(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, int32(7), s.ID)
		require.Len(t, f.requests(), 1)
	})
}

func TestFreshIDIsFoundWithinTheGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("GET /schemas/ids/7", inTurn(notFound, described(7, `"string"`)))
		r := f.with(nil)
		begun := time.Now()
		_, err := r.ByID(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, 250*time.Millisecond, time.Since(begun))

		f.on("GET /schemas/ids/8", inTurn(notFound, text(503, "")))
		_, err = r.ByID(t.Context(), 8)
		requireOutage(t, err) // it cannot be known that there is none
	})
}

func TestWithoutGraceOneAnswerIsBelieved(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := f.with(func(c *Config) { c.UnknownGrace = -1 })
	_, err := r.ByID(t.Context(), 7)
	requireUnknown(t, err)
	require.Len(t, f.requests(), 1)
}

func TestCallerWaitsAsLongAsItsContextAndTheLookupGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("", after(3*time.Second, described(7, `"string"`)))
		r := f.with(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		_, err := r.ByID(ctx, 7)
		requireOutage(t, err) // no attempt is used up: the record is not to blame
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))

		_, err = r.ByID(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(begun))
		require.Len(t, f.requests(), 1)
	})
}

func TestLookupsAndRequestsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("", hangs)
		r := f.with(nil)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for id := range int32(flightsMax) {
			_, err := r.ByID(gone, id)
			requireOutage(t, err, "context canceled")
		}
		synctest.Wait()
		require.Len(t, f.requests(), requestsMax)
		_, err := r.ByID(t.Context(), flightsMax)
		requireOutage(t, err, "256 other lookups wait")

		pass(20 * time.Second) // LookupTimeout
		f.on("", described(1, `"string"`))
		_, err = r.ByID(t.Context(), flightsMax)
		require.NoError(t, err)
	})
}

func TestCloseEndsWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("GET /schemas/ids/7", hangs)
		f.on("GET /schemas/ids/8", described(8, `"string"`))
		r := f.with(nil)
		_, err := r.ByID(t.Context(), 8)
		require.NoError(t, err)
		failed := make(chan error)
		go func() {
			_, err := r.ByID(context.Background(), 7)
			failed <- err
		}()
		synctest.Wait()
		begun := time.Now()
		r.Close()
		requireOutage(t, <-failed, "context canceled")
		require.Zero(t, time.Since(begun))
		_, err = r.ByID(t.Context(), 7)
		requireOutage(t, err, "closed")
		_, err = r.ByID(t.Context(), 8)
		require.NoError(t, err, "what is in memory stays")
	})
}

func TestTooLargeAnswerIsRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on("GET /schemas/ids/7", described(7, strings.Repeat("x", 10_001)))
	f.on("GET /schemas/ids/8", text(500, strings.Repeat("x", 1_000_000)))
	r := f.with(func(c *Config) { c.AnswerBytesMax, c.Retries = 10_000, -1 })
	_, err := r.ByID(t.Context(), 7)
	var unusable *UnusableSchemaError
	require.ErrorAs(t, err, &unusable)
	require.ErrorIs(t, err, ErrTooLarge)
	require.False(t, isUnavailable(err))
	require.Equal(t, "decode", unusable.DeadLetterReason())
	_, err = r.ByID(t.Context(), 7)
	require.ErrorAs(t, err, &unusable)
	require.Len(t, f.requests(), 1, "it is remembered")
	_, err = r.ByID(t.Context(), 8)
	requireOutage(t, err, "HTTP 500")
}

func TestUnknownTypeIsFinal(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on("", text(200, `{"schema":"<xsd>","schemaType":"XML"}`))
	_, err := f.with(nil).ByID(t.Context(), 7)
	var unusable *UnusableSchemaError
	require.ErrorAs(t, err, &unusable)
	require.ErrorIs(t, err, ErrType)
	require.ErrorContains(t, err, `"XML"`)
	require.Len(t, f.requests(), 1)
}

func TestGUIDIsLookedUp(t *testing.T) {
	t.Parallel()
	guid, err := wire.ParseGUID("89791762-2336-4186-9674-299b90a802e2")
	require.NoError(t, err)
	path := "GET /schemas/guids/" + guid.String()
	f := newFake(t)
	r := f.with(func(c *Config) { c.UnknownGrace = -1 })

	f.on(path, text(200, `{"schemaType":"JSON","schema":"{}","guid":"`+guid.String()+`"}`))
	s, err := r.ByFrame(t.Context(), &wire.Frame{ByGUID: true, GUID: guid})
	require.NoError(t, err)
	require.Equal(t, Schema{GUID: guid, Type: JSON, Text: "{}"}, *s)
	require.Len(t, f.requests(), 1)

	_, err = r.ByGUID(t.Context(), wire.GUID{1})
	requireUnknown(t, err)
	require.ErrorContains(t, err, "schema GUID 01000000-0000-0000-0000-000000000000 is not in the registry")

	f.on("GET /schemas/guids/"+wire.GUID{2}.String(), text(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`))
	_, err = r.ByGUID(t.Context(), wire.GUID{2})
	requireOutage(t, err, "cannot look schemas up by GUID")
	require.NotContains(t, err.Error(), "/apis/", "the address is right")

	f.on("GET /schemas/guids/"+wire.GUID{3}.String(), text(200, `{"schema":"{}","guid":"`+guid.String()+`"}`))
	_, err = r.ByGUID(t.Context(), wire.GUID{3})
	requireOutage(t, err, "it is about GUID "+guid.String())
}

func TestEveryRequestIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []Request
		f := newFake(t)
		f.on("", inTurn(after(time.Second, text(503, "")), fails(syscall.ECONNREFUSED), described(7, `"string"`)))
		r := f.with(func(c *Config) { c.OnRequest = func(q Request) { seen = append(seen, q) } })
		_, err := r.ByID(t.Context(), 7)
		require.NoError(t, err)
		require.Len(t, seen, 3)
		require.Equal(t, Request{Method: "GET", URL: nodeA, Status: 503, Duration: time.Second, Err: seen[0].Err}, seen[0])
		require.Error(t, seen[0].Err)
		require.ErrorIs(t, seen[1].Err, syscall.ECONNREFUSED)
		require.Equal(t, Request{Method: "GET", URL: nodeA, Status: 200}, seen[2])
		stats := r.Stats()
		require.Equal(t, Stats{Requests: 3, RequestsFailed: 2, Retries: 2, Lookups: 1, Schemas: 1, SchemaBytes: stats.SchemaBytes}, stats)
	})
}

func TestPanicOfALookupIsAnOutage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on("", func(*http.Request) (*http.Response, error) { panic("boom") })
	_, err := f.with(nil).ByID(t.Context(), 7)
	requireOutage(t, err, "boom")

	f.on("", described(7, `"string"`))
	r := f.with(func(c *Config) { c.OnRequest = func(Request) { panic(errors.New("a receiver")) } })
	_, err = r.ByID(t.Context(), 7)
	requireOutage(t, err, "a receiver")
}

func TestCheckAsksEveryURLOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.on("a.test GET /subjects", text(200, "["+strings.Repeat(`"a subject",`, 10_000)))
	f.on("b.test GET /base/subjects", text(401, ""))
	r := f.with(func(c *Config) { c.URLs, c.AnswerBytesMax = []string{nodeA, nodeB}, 10_000 })
	err := r.Check(t.Context())
	requireOutage(t, err, "ask http://b.test/base for its subjects: HTTP 401 (check the username")
	require.NotContains(t, err.Error(), "a.test", "that one answers, and how much is of no account")
	require.Equal(t, []string{"a.test GET /subjects", "b.test GET /base/subjects"}, f.requests())
	f.on("b.test GET /base/subjects", text(200, "[]"))
	require.NoError(t, r.Check(t.Context()))
}

func BenchmarkKeptID(b *testing.B) {
	f := &fake{answers: map[string]func(*http.Request) (*http.Response, error){"": described(7, `"string"`)}}
	r, err := newResolver(Config{URLs: []string{nodeA}}.withDefaults(), f, func() {})
	require.NoError(b, err)
	b.Cleanup(r.Close)
	ctx := b.Context()
	_, err = r.ByID(ctx, 7)
	require.NoError(b, err)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.ByID(ctx, 7); err != nil {
				b.Error(err)
			}
		}
	})
}
