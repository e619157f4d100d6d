package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Nothing of this says anything about a record, and each recovers by itself.
func TestOutages(t *testing.T) {
	t.Parallel()
	type answer = func(*http.Request) (*http.Response, error)
	for name, c := range map[string]struct {
		answer   answer
		requests int
		words    string
	}{
		"500":                 {text(500, `{"error_code":50001,"message":"Error in the backend\ndata store"}`), 3, "HTTP 500, code 50001: Error in the backend data store"},
		"503 without a body":  {text(503, ""), 3, "HTTP 503"},
		"502 with HTML":       {text(502, "<html>Bad Gateway</html>"), 3, "HTTP 502"},
		"429":                 {text(429, "slow down"), 3, "HTTP 429"},
		"connection refused":  {fails(syscall.ECONNREFUSED), 3, "connection refused"},
		"hanging":             {hangs, 3, "no answer within 5s"},
		"HTML":                {text(200, "<!DOCTYPE html><html>a login page"), 3, `begins with "<!DOCTYPE html>`},
		"huge HTML":           {text(200, "<"+strings.Repeat("x", 3<<20)), 3, "not a schema registry's"},
		"empty":               {text(200, ""), 3, "not a schema registry's"},
		"null":                {text(200, "null"), 3, "not a schema registry's"},
		"array":               {text(200, "[]"), 3, "not an object"},
		"cut":                 {text(200, `{"schema":"\"str`), 3, "not an object"},
		"another object":      {text(200, `{}`), 3, "no schema in it"},
		"another type":        {text(200, `{"schema":7}`), 3, "cannot unmarshal"},
		"401":                 {text(401, `{"error_code":401,"message":"Unauthorized"}`), 1, "check the username and password or the bearer token"},
		"403":                 {text(403, ""), 1, "check the username and password or the bearer token"},
		"404, no registry":    {text(404, "404 page not found"), 1, "no schema registry is at this address"},
		"404, its web server": {text(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`), 1, "no schema registry is at this address"},
		"redirect":            {text(302, ""), 1, "redirects are not followed"},
		"400":                 {text(400, ""), 1, "HTTP 400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newVirtual(t)
				f.on("GET /schemas/ids/7", c.answer)
				r := f.with(nil)
				_, err := r.ByID(t.Context(), 7)
				requireOutage(t, err, "ask http://a.test for schema id 7: ", c.words)
				require.Len(t, f.requests(), c.requests)

				f.on("GET /schemas/ids/7", described(7, `"string"`))
				_, err = r.ByID(t.Context(), 7)
				require.NoError(t, err, "an outage is not remembered")
			})
		})
	}
}

func TestHangingRegistryEndsEveryLookup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("", hangs)
		r := f.with(func(c *Config) { c.Retries, c.Timeout, c.LookupTimeout = 9, 4*time.Second, 10*time.Second })
		begun := time.Now()
		_, err := r.ByID(t.Context(), 7)
		requireOutage(t, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(begun))
		require.Len(t, f.requests(), 3)
	})
}

func TestSlowAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("", after(5*time.Second-1, described(7, `"string"`)))
		_, err := f.with(nil).ByID(t.Context(), 7)
		require.NoError(t, err)
		require.Len(t, f.requests(), 1)
	})
}

func TestNextURLIsAskedAtOnceAndThenStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("a.test", fails(syscall.ECONNREFUSED))
		for id := 1; id <= 3; id++ {
			f.on(fmt.Sprintf("GET /base/schemas/ids/%d", id), described(id, `"string"`))
		}
		r := f.with(func(c *Config) { c.URLs, c.Retries = []string{nodeA, nodeB + "/"}, -1 })
		begun := time.Now()
		_, err := r.ByID(t.Context(), 1)
		require.NoError(t, err)
		require.Zero(t, time.Since(begun))
		_, err = r.ByID(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, []string{
			"a.test GET /schemas/ids/1", "b.test GET /base/schemas/ids/1", "b.test GET /base/schemas/ids/2",
		}, f.requests())

		f.on("a.test", described(1, `"string"`))
		f.on("GET /base/schemas/ids/3", text(401, ""))
		_, err = r.ByID(t.Context(), 3)
		require.NoError(t, err, "also a node that refuses the credentials is passed by")
		require.Equal(t, []string{"b.test GET /base/schemas/ids/3", "a.test GET /schemas/ids/3"}, f.requests())
	})
}

func TestUnknownToOneNodeIsAskedOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		f.on("b.test", described(7, `"string"`))
		r := f.with(func(c *Config) { c.URLs = []string{nodeA, nodeB} })
		_, err := r.ByID(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, []string{"a.test GET /schemas/ids/7", "b.test GET /base/schemas/ids/7"}, f.requests())
		_, err = r.ByID(t.Context(), 8)
		require.NoError(t, err)
		require.Equal(t, "a.test GET /schemas/ids/8", f.requests()[0], "the first node is not to blame")
	})
}

func TestPausesGrowBetweenRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newVirtual(t)
		var at []time.Duration
		begun := time.Now()
		f.on("", func(request *http.Request) (*http.Response, error) {
			at = append(at, time.Since(begun))
			return text(500, "")(request)
		})
		r := f.with(func(c *Config) { c.URLs, c.Retries = []string{nodeA, nodeB}, 4 })
		_, err := r.ByID(t.Context(), 7)
		requireOutage(t, err)
		require.Len(t, at, 5)
		require.Zero(t, at[1], "another node")
		for i, whole := range []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond} {
			got := at[i+2] - at[i+1]
			require.GreaterOrEqual(t, got, whole/2)
			require.LessOrEqual(t, got, whole+1)
		}
		for _, backoff := range []time.Duration{1, 3 * time.Second, 1 << 62} {
			r.config.Backoff = backoff
			for try := range 100 {
				got := r.backoff(try)
				require.GreaterOrEqual(t, got, time.Duration(0))
				require.LessOrEqual(t, got, backoffMax)
			}
		}
		require.Equal(t, int64(4), r.Stats().Retries)
	})
}

// A registry that fails in every way for a minute, while eight lanes want a hundred schemas: nobody hears anything final,
// nobody waits for long after it has come back, and it is not asked more than the retries allow.
func TestOutageOfAMinuteIsNobodysFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random, guard := rand.New(rand.NewPCG(seed, 1)), sync.Mutex{}
		ways := []func(*http.Request) (*http.Response, error){
			hangs, text(500, ""), text(503, "<html>"), text(200, "<html>"), text(401, ""), text(404, "not here"), text(200, "null"),
			fails(syscall.ECONNRESET), after(time.Second, text(502, "")),
		}
		f := newVirtual(t)
		begun := time.Now()
		f.on("", func(request *http.Request) (*http.Response, error) {
			if time.Since(begun) < time.Minute {
				guard.Lock()
				way := ways[random.IntN(len(ways))]
				guard.Unlock()
				return way(request)
			}
			return described(1, `"string"`)(request)
		})
		r := f.with(nil)
		var (
			lanes    sync.WaitGroup
			attempts atomic.Int64
		)
		for lane := range 8 {
			lanes.Go(func() {
				for id := int32(lane); id < 100; id += 8 {
					for {
						attempts.Add(1)
						_, err := r.ByID(t.Context(), id)
						if err == nil {
							break
						}
						if !isUnavailable(err) {
							t.Errorf("id %d: %v", id, err)
							return
						}
						<-time.After(time.Second) // as the engine's circuit does
					}
				}
			})
		}
		lanes.Wait()
		require.Less(t, time.Since(begun), time.Minute+30*time.Second)
		require.LessOrEqual(t, int64(len(f.requests())), 3*attempts.Load())
		require.Equal(t, 100, r.Stats().Schemas)
	})
}
