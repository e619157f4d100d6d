package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/stream"
)

const (
	// lookupRequests is how many requests' time one lookup may take.
	lookupRequests = 4
	// prepareTimeout bounds what a start waits for a registry; records may wait for it as well.
	prepareTimeout = 10 * time.Second
)

// schemaRegistry is a pipeline's schema registry. It is opened when it is first needed, so that a configuration can be read
// where neither the registry nor the folder of its schemas is.
type schemaRegistry struct {
	meter *meter.Registry

	mu       sync.Mutex
	config   registry.Config
	resolver *registry.Resolver // nil until it is opened
	schemas  *codec.Schemas
	closed   bool
}

var errRegistryClosed = errors.New("the pipeline is closed")

func newSchemaRegistry(config registry.Config, logger *slog.Logger) *schemaRegistry {
	s := &schemaRegistry{meter: meter.NewRegistry()}
	config.OnRequest, config.Logger = s.requested, logger
	s.config = config
	return s
}

// open gives what reads and writes by the registry's schemas. It asks no server.
func (s *schemaRegistry) open() (*codec.Schemas, *registry.Resolver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, errRegistryClosed
	}
	if s.resolver == nil {
		resolver, err := registry.New(s.config)
		if err != nil {
			return nil, nil, err
		}
		s.resolver, s.schemas = resolver, codec.NewSchemas(resolver)
	}
	return s.schemas, s.resolver, nil
}

func (s *schemaRegistry) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.resolver != nil {
		s.resolver.Close()
	}
}

func (s *schemaRegistry) requested(r registry.Request) {
	result := meter.RegistryFailed
	switch {
	case r.Err == nil:
		result = meter.RegistryAnswered
	case r.Status == http.StatusNotFound:
		result = meter.RegistryUnknown
	case r.Status == http.StatusRequestTimeout || r.Status == http.StatusTooEarly || r.Status == http.StatusTooManyRequests:
	case r.Status >= http.StatusBadRequest && r.Status < http.StatusInternalServerError:
		result = meter.RegistryRefused
	}
	s.meter.Requested(result, r.Duration)
}

func (s *schemaRegistry) metrics() []stream.Metric {
	s.mu.Lock()
	resolver := s.resolver
	s.mu.Unlock()
	if resolver == nil {
		return s.meter.Snapshot(meter.RegistryUse{})
	}
	stats := resolver.Stats()
	return s.meter.Snapshot(meter.RegistryUse{
		WhileAway: stats.StaleHits + stats.DiskReads, DiskFailures: stats.DiskFailures,
		Schemas: stats.Schemas, SchemaBytes: stats.SchemaBytes,
	})
}

// UseRegistry lets the pipeline ask the schema registry at this URL, without credentials, instead of its own. It has to be
// called before anything else is done with the pipeline; one that has no registry needs none.
func (p *Pipeline) UseRegistry(url string) {
	if p.registry == nil {
		return
	}
	p.registry.mu.Lock()
	defer p.registry.mu.Unlock()
	was := &p.registry.config
	*was = registry.Config{
		URLs: []string{url}, Timeout: was.Timeout, LookupTimeout: was.LookupTimeout, OnRequest: was.OnRequest, Logger: was.Logger,
	}
}

// CheckRegistry asks whether the schema registry answers, and has the schemas that the output is written by. It registers
// nothing. The error is of type Faults. A pipeline without a registry is in order.
func (p *Pipeline) CheckRegistry(ctx context.Context) error {
	if p.registry == nil {
		return nil
	}
	var faults Faults
	_, resolver, err := p.registry.open()
	if err == nil {
		err = resolver.Check(ctx)
	}
	for _, e := range joined(err) {
		faults = append(faults, p.Fault("registry.url", e.Error()))
	}
	if len(faults) > 0 {
		return faults
	}
	for _, w := range p.writers {
		if err := w.check(ctx); codec.Unavailable(err) {
			faults = append(faults, p.Fault("registry.url", err.Error()))
		} else if err != nil {
			faults = append(faults, p.Fault(w.key, err.Error()))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// prepare finds the schemas that the output is written by, so that what is wrong with them fails the start. A registry that
// is away does not: records wait for it.
func (p *Pipeline) prepare() error {
	if p.registry == nil {
		return nil
	}
	if _, _, err := p.registry.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
	defer cancel()
	for _, w := range p.writers {
		err := w.prepare(ctx)
		if codec.Unavailable(err) {
			p.config.Logger.Warn("starting without the schema registry; records that need it wait", "error", err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.key, err)
		}
	}
	return nil
}

// schemaRegistry reads the section registry. It gives nil where there is none and none is needed.
func (b *binder) schemaRegistry() *schemaRegistry {
	section := b.root.at("registry")
	urls := section.child("url")
	if urls == nil || urls.null() {
		if b.missRegistry(section) {
			return newSchemaRegistry(registry.Config{}, b.options.Logger) // never opened: there is a fault
		}
		return nil
	}
	config := registry.Config{
		URLs:     urls.strings(),
		Username: b.text("registry", "username"), Password: registry.Secret(b.text("registry", "password")),
		BearerToken: registry.Secret(b.text("registry", "token")), BearerTokenFile: b.text("registry", "token_file"),
		TLS: registry.TLS{
			CAFile: b.text("registry", "tls", "ca"), CertFile: b.text("registry", "tls", "cert"), KeyFile: b.text("registry", "tls", "key"),
		},
		Timeout: b.duration("registry", "timeout"), Dir: b.text("registry", "cache_dir"),
	}
	config.LookupTimeout = lookupRequests * config.Timeout
	if !slices.ContainsFunc(urls.items, func(item *node) bool { return item.kind != scalar }) { // which the schema reports
		b.checkRegistry(section, config)
	}
	return newSchemaRegistry(config, b.options.Logger)
}

// missRegistry reports the first format that cannot do without a registry.
func (b *binder) missRegistry(section *node) (missing bool) {
	for _, n := range b.formats() {
		if !hasSchemas(n.text) {
			continue
		}
		if section == nil || section.null() {
			b.report.add(n, "%s needs a schema registry: give its address as registry.url, such as http://localhost:8081", n.text)
			return true
		}
		at := *section
		at.path = join(section.path, "url")
		b.report.add(&at, "missing: %s needs the address of a schema registry, such as http://localhost:8081", n.text)
		return true
	}
	return false
}

// checkRegistry reports what the resolver would refuse, where it stands in the file.
func (b *binder) checkRegistry(section *node, config registry.Config) {
	seen := make(map[string]bool)
	report := func(at *node, some registry.Config) {
		for _, fault := range joined(some.Validate()) {
			text := strings.ReplaceAll(strings.TrimPrefix(fault.Error(), "registry: "), "\n", "; ")
			if seen[text] || at == nil {
				continue
			}
			seen[text] = true
			if at.kind == scalar && at.isSecret() && at.text != "" && strings.Contains(text, at.text) {
				text = "the value is not what this takes"
			}
			b.report.add(at, "%s", text)
		}
	}
	report(section.child("url"), registry.Config{URLs: config.URLs})
	if len(config.URLs) > 0 {
		report(section.child("token"), registry.Config{URLs: config.URLs, BearerToken: config.BearerToken})
		report(section.child("token_file"), registry.Config{URLs: config.URLs, BearerTokenFile: config.BearerTokenFile})
		report(section.child("tls"), registry.Config{URLs: config.URLs, TLS: config.TLS})
	}
	report(section, config)
}

// joined are the parts of a joined error.
func joined(err error) []error {
	if err == nil {
		return nil
	}
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return several.Unwrap()
	}
	return []error{err}
}

// strings are the texts of a list, or the one that stands for it.
func (n *node) strings() []string {
	if n.kind == scalar {
		return []string{n.text}
	}
	var texts []string
	for _, item := range n.items {
		texts = append(texts, item.string())
	}
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// notOpened is an error of what the pipeline itself cannot open: no record is to blame for it.
func notOpened(err error) error {
	return stream.Unavailable(fmt.Errorf("open the schema registry's client: %w", err), registry.Dependency)
}
