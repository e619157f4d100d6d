package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/riferrei/srclient"

	"github.com/troupe-go/troupe/codec/wire"
)

// question is what is asked of a registry. It is comparable, and so is the key under which its answer is kept.
type question struct {
	kind    kind
	id      int32
	guid    wire.GUID
	subject string
	version int
	digest  digest // of the draft
}

type kind uint8

const (
	byID kind = iota
	byGUID
	bySubjectVersion
	latest
	lookup
	register
	probe
)

// String is how errors call it.
func (q question) String() string {
	switch q.kind {
	case byID:
		return "schema id " + strconv.Itoa(int(q.id))
	case byGUID:
		return "schema GUID " + q.guid.String()
	case bySubjectVersion:
		return fmt.Sprintf("version %d of subject %s", q.version, q.subject)
	case latest:
		return "the latest schema of subject " + q.subject
	case lookup:
		return "this schema under subject " + q.subject
	case register:
		return "a new schema of subject " + q.subject
	case probe:
		return "the list of subjects"
	default:
		return fmt.Sprintf("question %d", q.kind)
	}
}

// writes says that a schema is sent.
func (q question) writes() bool { return q.kind == lookup || q.kind == register }

// found is a schema whose references are not resolved.
type found struct {
	id      int32
	guid    wire.GUID
	subject string
	version int
	kind    Type
	text    string
	refs    []srclient.Reference
}

// client asks one node of a registry, once. It may be used from any goroutine. Its errors are those of exchange, or the
// context's.
type client interface {
	// ask answers a question; the draft is for those that send a schema.
	ask(ctx context.Context, q question, draft *Schema) (found, error)
}

// node is a client over srclient. That library has no contexts, keeps everything for ever, and races where it is set up
// while in use: so each call gets an instance of its own, with its cache off and nothing set.
type node struct {
	url         string
	base        http.RoundTripper
	credentials *credentials
	bytesMax    int64
	onEnd       func(Request)
}

func (n *node) ask(ctx context.Context, q question, draft *Schema) (out found, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: reading it panicked: %v", errGarbled, v)
		}
	}()
	x := &exchange{
		ctx: ctx, base: n.base, url: n.url, credentials: n.credentials, bytesMax: n.bytesMax, onEnd: n.onEnd,
		probe: q.kind == probe,
	}
	if q.writes() {
		x.text = draft.Text
	}
	httpClient := x.client()
	library := srclient.NewSchemaRegistryClient(n.url, srclient.WithClient(httpClient))
	library.CachingEnabled(false)

	var s *srclient.Schema
	switch q.kind {
	case byID:
		s, err = library.GetSchema(int(q.id))
	case bySubjectVersion:
		s, err = library.GetSchemaByVersion(q.subject, q.version)
	case latest:
		s, err = library.GetLatestSchema(q.subject)
	case lookup:
		s, err = library.LookupSchema(q.subject, draft.Text, libraryType(draft.Type), libraryReferences(draft)...)
	case register:
		s, err = library.CreateSchema(q.subject, draft.Text, libraryType(draft.Type), libraryReferences(draft)...)
		if err == nil && x.guid.IsZero() {
			// Some registries tell the GUID only here. Without it the schema is as good for everything but headers.
			_, _ = library.LookupSchema(q.subject, draft.Text, libraryType(draft.Type), libraryReferences(draft)...)
		}
	case byGUID:
		return n.byGUID(x, httpClient, q.guid)
	case probe: // every registry answers this, and every user may ask
		return found{}, n.get(x, httpClient, "/subjects", nil)
	}
	if err != nil {
		return found{}, plain(err)
	}
	return read(s, q, draft, x.guid)
}

// read checks what the library took from an answer.
func read(s *srclient.Schema, q question, draft *Schema, guid wire.GUID) (found, error) {
	name := ""
	switch {
	case s.SchemaType() != nil:
		name = string(*s.SchemaType())
	case q.kind == lookup: // Apicurio tells the type of everything but of this
		name = draft.Type.String()
	}
	out := found{guid: guid, subject: q.subject, version: s.Version(), text: s.Schema(), refs: s.References()}
	if q.kind == byID {
		out.version = 0 // some tell one of the versions that have this id
	}
	if s.ID() < 0 || s.ID() > math.MaxInt32 || s.ID() == 0 && q.kind != byID {
		return found{}, fmt.Errorf("%w: %d is no schema's id", errGarbled, s.ID())
	}
	out.id = int32(s.ID())
	return out.checked(name)
}

func (f found) checked(typeName string) (found, error) {
	var err error
	if f.kind, err = ParseType(typeName); err != nil {
		return found{}, err
	}
	if f.text == "" {
		return found{}, fmt.Errorf("%w: there is no schema in it", errGarbled)
	}
	return f, nil
}

func libraryType(t Type) srclient.SchemaType { return srclient.SchemaType(t.String()) }

func libraryReferences(s *Schema) []srclient.Reference {
	out := make([]srclient.Reference, len(s.References))
	for i, r := range s.References {
		out[i] = srclient.Reference{Name: r.Name, Subject: r.Subject, Version: r.Version}
	}
	return out
}

// byGUID asks what the library does not know of.
func (n *node) byGUID(x *exchange, httpClient *http.Client, guid wire.GUID) (found, error) {
	var told struct {
		ID         int                  `json:"id"`
		Type       string               `json:"schemaType"`
		Schema     string               `json:"schema"`
		References []srclient.Reference `json:"references"`
	}
	if err := n.get(x, httpClient, "/schemas/guids/"+guid.String(), &told); err != nil {
		return found{}, err
	}
	if !x.guid.IsZero() && x.guid != guid {
		return found{}, fmt.Errorf("%w: it is about GUID %s", errGarbled, x.guid)
	}
	out := found{guid: guid, text: told.Schema, refs: told.References}
	if told.ID > 0 && told.ID <= math.MaxInt32 {
		out.id = int32(told.ID)
	}
	return out.checked(told.Type)
}

func (n *node) get(x *exchange, httpClient *http.Client, path string, into any) error {
	request, err := http.NewRequestWithContext(x.ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		return err
	}
	answer, err := httpClient.Do(request)
	if err != nil {
		return plain(err)
	}
	defer answer.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("%w: %w", errGarbled, err)
	}
	return nil
}
