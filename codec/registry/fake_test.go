package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	nodeA = "http://a.test"
	nodeB = "http://b.test/base"
)

// patience is for machines that are busy with something else.
const patience = 5 * time.Minute

// fake is a registry without a network, for virtual time: answers by "METHOD path", in front of which may be the host.
type fake struct {
	t *testing.T

	// virtual says that time costs nothing: the defaults of the configuration are waited for.
	virtual bool

	mu      sync.Mutex
	answers map[string]func(*http.Request) (*http.Response, error)
	asked   []string // host and path
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, answers: make(map[string]func(*http.Request) (*http.Response, error))}
}

func newVirtual(t *testing.T) *fake {
	f := newFake(t)
	f.virtual = true
	return f
}

func (f *fake) RoundTrip(request *http.Request) (*http.Response, error) {
	path := request.Method + " " + request.URL.EscapedPath()
	if request.Body != nil {
		_, err := io.Copy(io.Discard, request.Body)
		if err = errors.Join(err, request.Body.Close()); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	f.asked = append(f.asked, request.URL.Host+" "+path)
	answer := f.answers[request.URL.Host+" "+path]
	for _, wider := range []string{path, request.URL.Host, ""} {
		if answer == nil {
			answer = f.answers[wider]
		}
	}
	f.mu.Unlock()
	if answer == nil {
		return text(http.StatusNotFound, `{"error_code":40403,"message":"Schema not found"}`)(request)
	}
	return answer(request)
}

func (f *fake) on(what string, answer func(*http.Request) (*http.Response, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[what] = answer
}

func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.asked
	f.asked = nil
	return out
}

func text(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), ProtoMajor: 1, ProtoMinor: 1,
			Header: make(http.Header), Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}
}

func fails(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hangs answers nothing until the client gives up.
func hangs(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

func after(d time.Duration, answer func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(request *http.Request) (*http.Response, error) {
		if !pause(request.Context(), d) {
			return nil, request.Context().Err()
		}
		return answer(request)
	}
}

// inTurn gives one answer after another; the last one for ever.
func inTurn(answers ...func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	var mu sync.Mutex
	return func(request *http.Request) (*http.Response, error) {
		mu.Lock()
		answer := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		mu.Unlock()
		return answer(request)
	}
}

type ref struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// described is a registry's answer about a schema.
func described(id int, schema string, references ...ref) func(*http.Request) (*http.Response, error) {
	body, err := json.Marshal(map[string]any{"id": id, "version": 1, "schema": schema, "references": references})
	if err != nil {
		return fails(err)
	}
	return text(http.StatusOK, string(body))
}

var notFound = text(http.StatusNotFound, `{"error_code":40403,"message":"Schema 7 not found"}`)

// with makes a resolver that asks the fake, and closes it at the test's end.
func (f *fake) with(change func(*Config)) *Resolver {
	f.t.Helper()
	c := Config{URLs: []string{nodeA}}
	if !f.virtual {
		c.Timeout, c.LookupTimeout = patience, patience
	}
	if change != nil {
		change(&c)
	}
	require.NoError(f.t, c.Validate())
	r, err := newResolver(c.withDefaults(), f, func() {})
	require.NoError(f.t, err)
	f.t.Cleanup(r.Close)
	return r
}

// pass lets virtual time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func requireOutage(t *testing.T, err error, words ...string) {
	t.Helper()
	var outage *stream.UnavailableError
	require.ErrorAs(t, err, &outage)
	require.Equal(t, Dependency, outage.Name)
	for _, word := range words {
		require.ErrorContains(t, err, word)
	}
	var permanent *stream.PermanentError
	require.NotErrorAs(t, err, &permanent)
	require.NotContains(t, err.Error(), "\n")
}

func requireUnknown(t *testing.T, err error) {
	t.Helper()
	var unknown *UnknownSchemaError
	require.ErrorAs(t, err, &unknown)
	require.False(t, isUnavailable(err))
	require.Equal(t, "decode", unknown.DeadLetterReason())
}
