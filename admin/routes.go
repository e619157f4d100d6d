package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// endpoint is one line of the API.
type endpoint struct {
	method  string
	path    string // as http.ServeMux takes it
	about   string
	open    bool // to everybody
	handler http.Handler
}

func (s *Server) endpoints() []endpoint {
	return []endpoint{
		{http.MethodGet, "/healthz", "200 while the processor's loops are alive, else 503 and what stands still", true, http.HandlerFunc(s.healthz)},
		{http.MethodGet, "/readyz", "200 while it is a member of its group and not stopping, else 503 and why not", true, http.HandlerFunc(s.readyz)},
		{http.MethodGet, "/metrics", "Prometheus metrics", true, s.metrics()},
		{http.MethodGet, "/api/v1/status", "the processor as a whole", false, http.HandlerFunc(s.status)},
		{http.MethodGet, "/api/v1/partitions", "every partition: where its records are, and why it stands where it stands", false, http.HandlerFunc(s.partitions)},
		{http.MethodPost, "/api/v1/partitions/{topic}/{partition}/pause", "stop handling the partition's records", false, s.pauseOrResume(true)},
		{http.MethodPost, "/api/v1/partitions/{topic}/{partition}/resume", "go on after a pause", false, s.pauseOrResume(false)},
		{http.MethodGet, "/api/v1/held-keys", "keys whose records go to the dead letters because an earlier one of them is there", false, http.HandlerFunc(s.heldKeys)},
		{http.MethodPost, "/api/v1/partitions/{topic}/{partition}/release", "let held keys go: {\"ids\": [...]} or {\"all\": true}", false, http.HandlerFunc(s.releaseKeys)},
		{http.MethodGet, "/api/v1/config", "the configuration in force, secrets redacted", false, http.HandlerFunc(s.config)},
		{http.MethodGet, "/{$}", "this list", false, http.HandlerFunc(s.index)},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, e := range s.endpoints() {
		h := only(e.method, e.handler)
		if !e.open {
			h = s.guard(h)
		}
		mux.Handle(e.path, h)
	}
	mux.Handle("/", s.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "there is no such endpoint; / lists them")
	})))
	return mux
}

// guard turns away whoever may not ask.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no := s.access.check(r); no != nil {
			if no.status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="troupe"`)
			}
			refuse(w, no.status, no.reason)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// only lets one method pass, and HEAD with GET.
func only(method string, next http.Handler) http.Handler {
	allowed := []string{method}
	if method == http.MethodGet {
		allowed = append(allowed, http.MethodHead)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(allowed, r.Method) {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			refuse(w, http.StatusMethodNotAllowed, "this endpoint takes "+strings.Join(allowed, " and ")+" only")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	type line struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		About  string `json:"about"`
	}
	lines := make([]line, 0)
	for _, e := range s.endpoints() {
		lines = append(lines, line{e.method, strings.TrimSuffix(e.path, "{$}"), e.about})
	}
	answer(w, struct {
		Name      string `json:"name"`
		Version   string `json:"version,omitempty"`
		Endpoints []line `json:"endpoints"`
	}{s.processor.Status().Name, s.options.Version, lines})
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	if len(s.options.Config) == 0 {
		refuse(w, http.StatusNotFound, "this processor was not configured by a file")
		return
	}
	contentType := "application/yaml; charset=utf-8"
	if json.Valid(s.options.Config) {
		contentType = "application/json"
	}
	head(w, contentType, http.StatusOK)
	// A write fails when the client has gone; there is nobody left to tell.
	_, _ = w.Write(s.options.Config)
}

// head begins an answer that no cache keeps and no browser guesses about.
func head(w http.ResponseWriter, contentType string, status int) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
}

func answer(w http.ResponseWriter, body any) { answerWith(w, http.StatusOK, body) }

func answerWith(w http.ResponseWriter, status int, body any) {
	encoded, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		status, encoded = http.StatusInternalServerError, []byte(`{"error": "the answer cannot be written as JSON"}`)
	}
	head(w, "application/json", status)
	_, _ = w.Write(append(encoded, '\n')) // fails when the client has gone
}

func refuse(w http.ResponseWriter, status int, reason string) {
	answerWith(w, status, struct {
		Error string `json:"error"`
	}{reason})
}

// text writes a short answer for a person or a probe.
func text(w http.ResponseWriter, status int, lines ...string) {
	head(w, "text/plain; charset=utf-8", status)
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n") // fails when the client has gone
}
