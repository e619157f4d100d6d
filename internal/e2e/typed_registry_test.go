package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// schemaRegistry is a registry that can be made to fail.
type schemaRegistry struct {
	t      *testing.T
	fake   *srfake.Registry
	server *httptest.Server

	mu      sync.Mutex
	fails   http.HandlerFunc // nil: it works
	changed chan struct{}    // closed when it fails in another way, or works again
	refused int              // requests that it failed since then
}

func newSchemaRegistry(t *testing.T) *schemaRegistry {
	t.Helper()
	r := &schemaRegistry{t: t, fake: srfake.NewRegistry(), changed: make(chan struct{})}
	r.server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.fail(nil) // whoever hangs in it goes on
		r.server.Close()
	})
	return r
}

func (r *schemaRegistry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	fails := r.fails
	if fails != nil {
		r.refused++
	}
	r.mu.Unlock()
	if fails != nil {
		fails(w, request)
		return
	}
	r.fake.Handler().ServeHTTP(w, request)
}

// fail makes it answer otherwise from now on; nil mends it.
func (r *schemaRegistry) fail(as http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails, r.refused = as, 0
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *schemaRegistry) failed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// untilChanged is what a request that hangs waits for.
func (r *schemaRegistry) untilChanged() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *schemaRegistry) register(subject, text string, kind sr.SchemaType) int32 {
	r.t.Helper()
	id, _, err := r.fake.RegisterSchema(subject, sr.Schema{Schema: text, Type: kind})
	require.NoError(r.t, err)
	return int32(id)
}

// numbered is a schema of its own for each version: a record of a long, and of a null that takes no byte.
func numbered(version int) string {
	return fmt.Sprintf(`{"type":"record","name":"Numbered","fields":[{"name":"n","type":"long"},{"name":"v%d","type":"null"}]}`, version)
}

// answer is a registry that is there, and of no use.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if strings.HasPrefix(body, "<") {
			w.Header().Set("Content-Type", "text/html")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client has gone away: nothing to do
	}
}

func (r *schemaRegistry) hang(_ http.ResponseWriter, request *http.Request) {
	select {
	case <-request.Context().Done():
	case <-r.untilChanged():
	}
}
