package registry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Config is what a Resolver needs to know. Only URLs is required. Unless said otherwise a negative value is an error.
type Config struct {
	// URLs are the nodes of one registry, http or https, asked one at a time: the next one when one fails. A path may follow
	// the host, as in http://registry:8080/apis/ccompat/v7.
	URLs []string
	// Username and Password are sent as HTTP Basic. Defaults to none.
	Username string
	Password Secret
	// BearerToken is sent as it is. BearerTokenFile is read for every request instead, so that it can be renewed.
	// Defaults to none.
	BearerToken     Secret
	BearerTokenFile string
	// TLS is for https URLs.
	TLS TLS

	// Timeout bounds one request. Defaults to 5s.
	Timeout time.Duration
	// LookupTimeout bounds all requests for one schema and what it refers to, with their repetitions. Defaults to 20s.
	LookupTimeout time.Duration
	// Retries is how often a request is repeated that failed in a way that may pass; with several URLs each of them is asked
	// at least once anyway. Negative: never. Defaults to 2.
	Retries int
	// Backoff is the pause before the first repetition at a URL that was asked before. It doubles each time, up to 2s, and
	// between half of it and all is taken. Defaults to 200ms.
	Backoff time.Duration

	// UnknownTTL is how long it is believed that a schema does not exist. Defaults to 10s.
	UnknownTTL time.Duration
	// UnknownGrace is for how long a schema is asked for again, twice, before an id, a GUID or a reference counts as unknown:
	// a node of the registry may not have heard of it yet. Negative: not at all. Defaults to 1s.
	UnknownGrace time.Duration
	// LatestTTL is how long the latest schema of a subject is used before it is asked for again. Defaults to 30s.
	LatestTTL time.Duration

	// AnswerBytesMax bounds one answer of the registry. A schema with all its references may have four times as much.
	// Defaults to 2 MiB.
	AnswerBytesMax int64
	// ReferenceDepthMax bounds how deep references go. Defaults to 16.
	ReferenceDepthMax int
	// ReferencesMax bounds how many schemas one schema refers to, directly and indirectly. Defaults to 256.
	ReferencesMax int
	// SchemasMax bounds how many schemas are kept in memory, and on disk. Defaults to 10,000.
	SchemasMax int
	// CacheBytesMax bounds the memory of the schemas that are kept. One schema is kept in any case. Defaults to 64 MiB.
	CacheBytesMax int64

	// Dir is a folder for schemas found by id or GUID, so that a process can start while the registry is away. It is created
	// where missing, may be shared by processes and registries, and may be deleted at any time. Defaults to none.
	Dir string

	// OnRequest is told of every request when it has ended. It is called from the goroutine that made the request and must
	// not block. Defaults to nobody.
	OnRequest func(Request)
	// Logger gets warnings about Dir. Defaults to none.
	Logger *slog.Logger
}

// Request is one that has ended.
type Request struct {
	Method   string
	URL      string // without what is asked of it: one of Config.URLs
	Status   int    // of HTTP; 0 where there was no answer
	Duration time.Duration
	Err      error // nil where the answer was 2xx and can be read
}

// Bounds that are not configurable.
const (
	requestsMax    = 16     // at once
	flightsMax     = 256    // lookups at once
	unknownsMax    = 10_000 // ids remembered as unknown
	backoffMax     = 2 * time.Second
	headerBytesMax = 64 << 10
	texts          = 4 // AnswerBytesMax for a schema with its references
)

func orDefault[T ~int | ~int64](value *T, fallback T) {
	if *value == 0 {
		*value = fallback
	}
}

func (c Config) withDefaults() Config {
	c.URLs = slices.Clone(c.URLs)
	orDefault(&c.Timeout, 5*time.Second)
	orDefault(&c.LookupTimeout, 20*time.Second)
	orDefault(&c.Retries, 2)
	c.Retries = max(c.Retries, 0)
	orDefault(&c.Backoff, 200*time.Millisecond)
	orDefault(&c.UnknownTTL, 10*time.Second)
	orDefault(&c.UnknownGrace, time.Second)
	c.UnknownGrace = max(c.UnknownGrace, 0)
	orDefault(&c.LatestTTL, 30*time.Second)
	orDefault(&c.AnswerBytesMax, 2<<20)
	orDefault(&c.ReferenceDepthMax, 16)
	orDefault(&c.ReferencesMax, 256)
	orDefault(&c.SchemasMax, 10_000)
	orDefault(&c.CacheBytesMax, 64<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate gives all faults at once, joined. It reads the files that are named, and asks no server.
func (c Config) Validate() error {
	faults := c.urlFaults()
	switch {
	case c.Username == "" && c.Password != "":
		faults = append(faults, errors.New("registry: there is a password and no username"))
	case c.Username != "" && c.bearer():
		faults = append(faults, errors.New("registry: username and bearer token cannot both be sent; choose one"))
	case strings.Contains(c.Username, ":"):
		faults = append(faults, errors.New("registry: the username contains a colon, which HTTP Basic does not allow"))
	}
	if c.BearerToken != "" && c.BearerTokenFile != "" {
		faults = append(faults, errors.New("registry: the bearer token is given twice, as text and as a file; choose one"))
	}
	if strings.ContainsFunc(string(c.BearerToken), notInToken) {
		faults = append(faults, errors.New("registry: the bearer token contains a space or a control character"))
	}
	if c.BearerTokenFile != "" {
		_, err := readToken(c.BearerTokenFile)
		faults = append(faults, inRegistry(err))
	}
	_, err := c.TLS.config()
	faults = append(faults, inRegistry(err))
	if c.TLS != (TLS{}) && !slices.ContainsFunc(c.URLs, isHTTPS) {
		faults = append(faults, errors.New("registry: TLS is configured and no URL begins with https"))
	}
	for _, at := range []struct {
		name  string
		value int64
	}{
		{"timeout", int64(c.Timeout)},
		{"lookup timeout", int64(c.LookupTimeout)},
		{"backoff", int64(c.Backoff)},
		{"time for unknown schemas", int64(c.UnknownTTL)},
		{"time for latest schemas", int64(c.LatestTTL)},
		{"limit of an answer", c.AnswerBytesMax},
		{"depth of references", int64(c.ReferenceDepthMax)},
		{"number of references", int64(c.ReferencesMax)},
		{"number of schemas", int64(c.SchemasMax)},
		{"memory for schemas", c.CacheBytesMax},
	} {
		if at.value < 0 {
			faults = append(faults, fmt.Errorf("registry: the %s is negative", at.name))
		}
	}
	return errors.Join(faults...)
}

func inRegistry(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("registry: %w", err)
}

func (c Config) bearer() bool { return c.BearerToken != "" || c.BearerTokenFile != "" }

func isHTTPS(text string) bool { return strings.HasPrefix(strings.ToLower(text), "https:") }

// urlFaults shows no URL that may hold a password.
func (c Config) urlFaults() []error {
	if len(c.URLs) == 0 {
		return []error{errors.New("registry: no URL is given, such as http://localhost:8081")}
	}
	var faults []error
	seen := make(map[string]bool)
	for i, text := range c.URLs {
		u, err := url.Parse(text)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("registry: URL %d cannot be read; want one such as http://localhost:8081", i+1))
			continue
		case u.User != nil:
			faults = append(faults, fmt.Errorf("registry: URL %d contains a user; give username and password by themselves", i+1))
			continue
		case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			faults = append(faults, fmt.Errorf("registry: URL %d, %q, does not begin with http:// or https:// and a host", i+1, text))
		case u.RawQuery != "" || u.Fragment != "":
			faults = append(faults, fmt.Errorf("registry: URL %d contains a ? or a #, which a registry's address has not", i+1))
		}
		if base := normalURL(text); seen[base] {
			faults = append(faults, fmt.Errorf("registry: URL %d, %q, is given twice", i+1, text))
		} else {
			seen[base] = true
		}
	}
	return faults
}

// normalURL is the form that paths are appended to.
func normalURL(text string) string { return strings.TrimRight(text, "/") }

// transport is the connection pool. Nothing it starts outlives the timeout, whatever a server does.
func (c Config) transport(security *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer(c.Timeout),
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        security,
		TLSHandshakeTimeout:    c.Timeout,
		ResponseHeaderTimeout:  c.Timeout,
		MaxConnsPerHost:        requestsMax,
		MaxIdleConnsPerHost:    requestsMax,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: headerBytesMax,
	}
}

// tokenBytesMax bounds a file with a token.
const tokenBytesMax = 64 << 10

func notInToken(letter rune) bool { return letter <= ' ' || letter >= 0x7f }

func readToken(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("bearer token: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > tokenBytesMax {
		return "", fmt.Errorf("bearer token: %s is not a file of at most %d bytes", file, tokenBytesMax)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("bearer token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsFunc(token, notInToken) {
		return "", fmt.Errorf("bearer token: %s does not hold one word", file)
	}
	return token, nil
}
