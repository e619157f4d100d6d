package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// registry serves a schema registry on a listener of its own, and keeps its schemas in a file where there is one.
type registry struct {
	url    string
	file   string // empty: memory only
	fake   *srfake.Registry
	server *http.Server
	served chan struct{}

	saving sync.Mutex
	failed error // of the last save; reported by close
}

func startRegistry(port int, dataDir string) (*registry, error) {
	r := &registry{fake: srfake.NewRegistry(), served: make(chan struct{})}
	if dataDir != "" {
		r.file = filepath.Join(dataDir, "registry.json")
		if err := r.load(); err != nil {
			return nil, fmt.Errorf("read the embedded registry's schemas from %s: %w", r.file, err)
		}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
	if err != nil {
		return nil, fmt.Errorf("start the embedded registry: %w", err)
	}
	r.url = "http://" + listener.Addr().String()
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(r.served)
		_ = r.server.Serve(listener) // it always ends with an error, that of its closing
	}()
	return r, nil
}

// ServeHTTP answers a request, and saves what a change has left before the client learns of its success.
func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodGet && strings.HasPrefix(request.URL.Path, guidPath) {
		r.byGUID(w, request)
		return
	}
	answer := httptest.NewRecorder()
	r.fake.Handler().ServeHTTP(answer, request)
	if request.Method != http.MethodGet && r.file != "" {
		if err := r.save(); err != nil {
			refuse(w, http.StatusInternalServerError, 50001, "the schema could not be saved")
			return
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(r.withGUID(answer)) // the client has gone away: nothing to do
}

const contentType = "application/vnd.schemaregistry.v1+json"

// refuse answers as a registry does that cannot give what was asked for.
func refuse(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error_code":%d,"message":%q}`, code, message)
}

// schemas asks the fake for all it holds, in the order of their ids, so that a schema comes after those it refers to.
func (r *registry) schemas() ([]sr.SubjectSchema, error) {
	request := httptest.NewRequest(http.MethodGet, "/schemas", http.NoBody)
	answer := httptest.NewRecorder()
	r.fake.Handler().ServeHTTP(answer, request)
	var all []sr.SubjectSchema
	if err := json.Unmarshal(answer.Body.Bytes(), &all); err != nil {
		return nil, fmt.Errorf("list the schemas: %w", err)
	}
	slices.SortStableFunc(all, func(a, b sr.SubjectSchema) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version))
	})
	return all, nil
}

func (r *registry) save() error {
	r.saving.Lock()
	defer r.saving.Unlock()
	all, err := r.schemas()
	if err == nil {
		var text []byte
		if text, err = json.MarshalIndent(all, "", "  "); err == nil {
			err = replaceFile(r.file, text)
		}
	}
	r.failed = err
	return err
}

// replaceFile leaves either the old or the new content, also after a crash.
func replaceFile(name string, content []byte) error {
	next := name + ".next"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("save the schemas: %w", err)
	}
	if err := os.Rename(next, name); err != nil {
		return fmt.Errorf("save the schemas: %w", err)
	}
	return nil
}

func (r *registry) load() (err error) {
	text, err := os.ReadFile(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var all []sr.SubjectSchema
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	defer func() { // the fake panics on schemas it does not take
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	seen := make(map[int]bool)
	for _, s := range all {
		if !seen[s.ID] {
			seen[s.ID] = true
			r.fake.SeedSchema(s.Subject, s.Version, s.ID, s.Schema)
			continue
		}
		// One schema under a second subject has the same id, which can be seeded only once.
		id, _, err := r.fake.RegisterSchema(s.Subject, s.Schema)
		if err != nil {
			return fmt.Errorf("schema %d of subject %s: %w", s.ID, s.Subject, err)
		}
		if id != s.ID {
			return fmt.Errorf("schema %d of subject %s came back as %d", s.ID, s.Subject, id)
		}
	}
	return nil
}

func (r *registry) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		_ = r.server.Close() // connections that do not end by themselves are cut
	}
	<-r.served
	r.saving.Lock()
	defer r.saving.Unlock()
	return r.failed
}
