package registry

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/codec/wire"
)

// Resolver finds schemas. It may be used from any goroutine.
type Resolver struct {
	config Config
	nodes  []client
	disk   *disk // nil where there is none
	idle   func()

	current  atomic.Int32 // the node to ask first
	turns    chan struct{}
	counters counters

	ctx  context.Context // of all lookups
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	schemas  *lru[question, kept]
	unknowns *lru[question, absent]
	flights  map[question]*flight
}

// kept is a schema in memory.
type kept struct {
	schema *Schema
	// until is zero for what never changes.
	until time.Time
	// away says that the registry was away when it was last asked for this.
	away bool
}

// absent is the memory that there is no such schema, or none that can be used.
type absent struct {
	err   error
	until time.Time
}

// flight is a lookup under way. The outcome is set before done is closed.
type flight struct {
	done chan struct{}
	outcome
}

var errClosed = errors.New("the resolver is closed")

// New fails with all faults of the configuration. It asks no server.
func New(config Config) (*Resolver, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	security, err := config.TLS.config()
	if err != nil {
		return nil, inRegistry(err)
	}
	transport := config.transport(security)
	return newResolver(config, transport, transport.CloseIdleConnections)
}

// newResolver takes a configuration with its defaults.
func newResolver(config Config, transport http.RoundTripper, idle func()) (*Resolver, error) {
	r := &Resolver{
		config: config, idle: idle,
		turns:    make(chan struct{}, requestsMax),
		schemas:  newLRU[question, kept](config.SchemasMax, config.CacheBytesMax),
		unknowns: newLRU[question, absent](unknownsMax, unknownsMax),
		flights:  make(map[question]*flight),
	}
	keys := &credentials{
		username: config.Username, password: string(config.Password),
		token: string(config.BearerToken), tokenFile: config.BearerTokenFile,
	}
	for i, url := range config.URLs {
		config.URLs[i] = normalURL(url)
		r.nodes = append(r.nodes, &node{
			url: config.URLs[i], base: transport, credentials: keys, bytesMax: config.AnswerBytesMax, onEnd: r.ended,
		})
	}
	if config.Dir != "" {
		var err error
		if r.disk, err = openDisk(&config); err != nil {
			return nil, inRegistry(err)
		}
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, nil
}

func (r *Resolver) ended(request Request) {
	r.counters.requests.Add(1)
	if request.Err != nil {
		r.counters.requestsFailed.Add(1)
	}
	if r.config.OnRequest != nil {
		r.config.OnRequest(request)
	}
}

// Close ends all lookups and waits for them. Calls that wait, and later ones for what is not in memory, fail as in an
// outage.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.done.Wait()
	r.idle()
}

// ByID gives the schema of that id.
func (r *Resolver) ByID(ctx context.Context, id int32) (*Schema, error) {
	return r.get(ctx, question{kind: byID, id: id}, nil)
}

// ByGUID gives the schema of that GUID. Older registries cannot look schemas up by GUID, which is reported as an outage
// that says so.
func (r *Resolver) ByGUID(ctx context.Context, guid wire.GUID) (*Schema, error) {
	return r.get(ctx, question{kind: byGUID, guid: guid}, nil)
}

// ByFrame gives the schema that a record names.
func (r *Resolver) ByFrame(ctx context.Context, f *wire.Frame) (*Schema, error) {
	if f.ByGUID {
		return r.ByGUID(ctx, f.GUID)
	}
	return r.ByID(ctx, f.ID)
}

// Latest gives the schema of a subject that was registered last, as of at most LatestTTL ago; while the registry is away,
// the last one that is known. Its ID is never 0, its Version is known.
func (r *Resolver) Latest(ctx context.Context, subject string) (*Schema, error) {
	return r.get(ctx, question{kind: latest, subject: subject}, nil)
}

// Lookup gives the id of a schema that somebody has registered under the subject. Of draft, Type, Text, and the References'
// Name, Subject and Version count.
func (r *Resolver) Lookup(ctx context.Context, subject string, draft Schema) (*Schema, error) {
	draft.Text = asSent(&draft)
	return r.send(ctx, question{kind: lookup, subject: subject, digest: digestOf(&draft)}, &draft)
}

// Register adds a schema to the subject, unless it is there already, and gives it with its id. It fails with a
// *RejectedError where the registry does not want it. Of draft the same counts as in Lookup.
func (r *Resolver) Register(ctx context.Context, subject string, draft Schema) (*Schema, error) {
	draft.Text = asSent(&draft)
	return r.send(ctx, question{kind: register, subject: subject, digest: digestOf(&draft)}, &draft)
}

// asSent is the text that clients send of a file: the same one, but for the ends of an Avro schema.
func asSent(draft *Schema) string {
	if draft.Type == Avro {
		return strings.TrimSpace(draft.Text)
	}
	return draft.Text
}

// send asks nobody about what no registry takes.
func (r *Resolver) send(ctx context.Context, q question, draft *Schema) (*Schema, error) {
	_, err := ParseType(draft.Type.String())
	switch {
	case err != nil:
	case draft.Text == "":
		err = errors.New("it has no text")
	case q.subject == "":
		err = errors.New("there is no subject")
	default:
		return r.get(ctx, q, draft)
	}
	return nil, &RejectedError{Subject: q.subject, Err: err}
}

// Check asks every URL once whether a registry answers there, and accepts the credentials. The error joins what is wrong
// with each; it is nil when all are well.
func (r *Resolver) Check(ctx context.Context) error {
	var faults []error
	for at, url := range r.config.URLs {
		q := question{kind: probe}
		if _, err := r.once(ctx, at, q, nil); err != nil {
			_, err = judge(err, q)
			faults = append(faults, unavailable(fmt.Errorf("ask %s for its subjects: %w", url, err)))
		}
	}
	return errors.Join(faults...)
}

type digest [sha256.Size]byte

func digestOf(draft *Schema) digest {
	hash := sha256.New()
	// A string per part keeps parts apart; encoding strings and numbers cannot fail.
	encoder := json.NewEncoder(hash)
	_ = encoder.Encode([]string{draft.Type.String(), draft.Text})
	for _, r := range draft.References {
		_ = encoder.Encode([]any{r.Name, r.Subject, r.Version})
	}
	return digest(hash.Sum(nil))
}

// outcome is what a lookup ends with.
type outcome struct {
	schema *Schema
	err    error
}

// get answers from memory, or waits for a lookup.
func (r *Resolver) get(ctx context.Context, q question, draft *Schema) (*Schema, error) {
	r.mu.Lock()
	if out, ok := r.remembered(q, draft); ok {
		r.mu.Unlock()
		return out.schema, out.err
	}
	if _, ok := r.flights[q]; ok {
		r.counters.joined.Add(1)
	}
	f, err := r.fly(q, draft)
	r.mu.Unlock()
	if err != nil {
		return nil, unavailable(fmt.Errorf("ask for %s: %w", q, err))
	}
	select {
	case <-f.done:
		return f.schema, f.err
	case <-ctx.Done():
		return nil, unavailable(fmt.Errorf("ask for %s: %w", q, ctx.Err()))
	}
}

// remembered is the answer in memory, if there is one. r.mu is held.
func (r *Resolver) remembered(q question, draft *Schema) (outcome, bool) {
	if k, ok := r.schemas.get(q); ok {
		switch {
		case k.until.IsZero() || time.Now().Before(k.until):
			r.counters.hits.Add(1)
			return outcome{schema: k.schema}, true
		case k.away:
			// Whoever writes must not stand still for a registry that is away. If this cannot look it up, the next call will.
			_, _ = r.fly(q, draft)
			r.counters.staleHits.Add(1)
			return outcome{schema: k.schema}, true
		}
	}
	if u, ok := r.unknowns.get(q); ok {
		if time.Now().Before(u.until) {
			r.counters.unknownHits.Add(1)
			return outcome{err: u.err}, true
		}
		r.unknowns.remove(q)
	}
	return outcome{}, false
}

// fly gives the lookup under way, or begins one. r.mu is held.
func (r *Resolver) fly(q question, draft *Schema) (*flight, error) {
	if f, ok := r.flights[q]; ok {
		return f, nil
	}
	switch {
	case r.closed:
		return nil, errClosed
	case len(r.flights) >= flightsMax:
		return nil, fmt.Errorf("%d other lookups wait for the registry already", flightsMax)
	}
	f := &flight{done: make(chan struct{})}
	r.flights[q] = f
	r.counters.lookups.Add(1)
	r.done.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.config.LookupTimeout)
		defer cancel()
		out := outcome{err: unavailable(errors.New("the lookup did not come to its end"))}
		defer func() {
			if v := recover(); v != nil {
				out = outcome{err: unavailable(fmt.Errorf("ask for %s: panic: %v", q, v))}
			}
			r.land(q, f, out)
		}()
		out.schema, out.err = r.load(ctx, q, draft)
	})
	return f, nil
}

// land ends a lookup and keeps what it found.
func (r *Resolver) land(q question, f *flight, out outcome) {
	now, err := time.Now(), out.err
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	delete(r.flights, q)
	if k, ok := r.schemas.get(q); ok && isUnavailable(err) {
		// A latest schema above its time.
		r.schemas.put(q, kept{schema: k.schema, until: now.Add(r.config.UnknownTTL), away: true}, k.schema.cost())
		r.counters.staleHits.Add(1)
		f.schema = k.schema
		return
	}
	f.outcome = out
	var (
		notThere *UnknownSchemaError
		useless  *UnusableSchemaError
	)
	switch {
	case err == nil:
		r.keep(q, out.schema, now)
	case errors.As(err, &notThere), errors.As(err, &useless):
		r.schemas.remove(q)
		r.unknowns.put(q, absent{err, now.Add(r.config.UnknownTTL)}, 1)
	}
}

// keep keeps a schema under what was asked. A registered schema is no longer unknown, and the answer to a question for one
// that a record may name.
func (r *Resolver) keep(q question, schema *Schema, now time.Time) {
	k := kept{schema: schema}
	if q.kind == latest {
		k.until = now.Add(r.config.LatestTTL)
	}
	r.schemas.put(q, k, schema.cost())
	if q.kind == register {
		r.unknowns.remove(question{kind: lookup, subject: q.subject, digest: q.digest})
		r.unknowns.remove(question{kind: latest, subject: q.subject})
		r.schemas.remove(question{kind: latest, subject: q.subject})
		r.unknowns.remove(question{kind: byID, id: schema.ID})
		r.unknowns.remove(question{kind: byGUID, guid: schema.GUID})
	}
}

// load asks the registry, and the disk while that is away. It runs on the lookup's goroutine.
func (r *Resolver) load(ctx context.Context, q question, draft *Schema) (*Schema, error) {
	grace := time.Duration(0)
	immutable := q.kind == byID || q.kind == byGUID
	if immutable {
		grace = r.config.UnknownGrace
	}
	var schema *Schema
	f, err := r.ask(ctx, q, draft, grace)
	if err == nil {
		schema, err = r.resolve(ctx, q, f)
	}
	if r.disk == nil || !immutable {
		return schema, err
	}
	switch {
	case err == nil:
		r.keepOnDisk(q, schema)
	case isUnavailable(err):
		if stored, found := r.fromDisk(q); found {
			return stored, nil
		}
	}
	return schema, err
}
