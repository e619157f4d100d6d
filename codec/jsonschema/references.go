package jsonschema

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// base is where a schema without an absolute $id stands, and what relative names are relative to. Nothing is fetched from
// there or from anywhere else.
const base = "schema://registry/"

// referencesMax bounds the references of one schema.
const referencesMax = 256

// named is a document and its name.
type named struct {
	name     string
	document any
}

// shelf has the documents that references can mean, by their URIs without fragment. It is the library's only loader.
type shelf struct {
	documents map[string]any
	origin    *url.URL
	relative  []named // by the canonical form of their names
	loads     int
	nodes     int // that may still be loaded
}

// loadsMax bounds the documents that the library reads. It reads one again for each URI that leads to it.
const loadsMax = 1000

// Load gives the library a document. It fails with an *UnknownReferenceError.
func (s *shelf) Load(uri string) (any, error) {
	found, ok := s.find(uri)
	if !ok {
		return nil, &UnknownReferenceError{URI: strings.TrimPrefix(uri, base)}
	}
	s.loads++
	if s.nodes -= nodesIn(found); s.nodes < 0 || s.loads > loadsMax {
		return nil, fmt.Errorf("too many URIs for the same schemas in $ref: %w", ErrLimit)
	}
	return found, nil
}

func (s *shelf) find(uri string) (any, bool) {
	if found, ok := s.documents[uri]; ok {
		return found, true
	}
	for _, r := range s.relative {
		if folder, ok := strings.CutSuffix(uri, "/"+r.name); ok && s.knows(folder+"/") {
			return r.document, true
		}
	}
	return nil, false
}

// knows says whether one of the documents is in a folder, at any depth.
func (s *shelf) knows(folder string) bool {
	for uri := range s.documents {
		if strings.HasPrefix(uri, folder) {
			return true
		}
	}
	return false
}

// newShelf puts a schema and its references in all places where a $ref may look for them: by name, by the $id at the
// top, and by those further in. What comes first stays. A relative name is also looked for in the folders of the others.
func newShelf(root any, references []named, limits *Limits) (*shelf, error) {
	origin, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	s := &shelf{documents: map[string]any{base: root}, origin: origin, nodes: 4 * limits.SchemaNodes}
	at := make([]*url.URL, len(references))
	for i, r := range references {
		if at[i], err = s.put(origin, r.name, r.document); err != nil {
			return nil, &SchemaError{Reference: r.name, Err: fmt.Errorf("its name is no URI: %w", err)}
		}
		if name, ok := strings.CutPrefix(at[i].String(), base); ok {
			s.relative = append(s.relative, named{name, r.document})
		}
	}
	s.identified(origin, root)
	for i, r := range references {
		s.identified(at[i], r.document)
	}
	return s, nil
}

func (s *shelf) put(at *url.URL, reference string, document any) (*url.URL, error) {
	uri, err := at.Parse(withoutFragment(reference))
	if err != nil {
		return nil, err
	}
	if _, taken := s.documents[uri.String()]; !taken {
		s.documents[uri.String()] = document
	}
	return uri, nil
}

// identified puts a document where its own $id says it is, and the schemas inside it that have one. The library looks for
// the latter only within the same document.
func (s *shelf) identified(at *url.URL, document any) {
	object, ok := document.(map[string]any)
	if !ok {
		return
	}
	dialect, _ := object["$schema"].(string)
	keyword := "$id"
	if strings.Contains(dialect, "draft-04") {
		keyword = "id"
	}
	s.inside(at, object, keyword, dialect)
}

func (s *shelf) inside(at *url.URL, value any, keyword, dialect string) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			s.inside(at, item, keyword, dialect)
		}
	case map[string]any:
		if id, ok := v[keyword].(string); ok && withoutFragment(id) != "" {
			// A $id that is no URI is the library's to complain about.
			if uri, err := s.put(at, id, inDialect(v, dialect)); err == nil {
				at = uri
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			s.inside(at, v[name], keyword, dialect)
		}
	}
}

// inDialect keeps the dialect of a schema that is taken out of its document.
func inDialect(object map[string]any, dialect string) map[string]any {
	if _, has := object["$schema"]; has || dialect == "" {
		return object
	}
	object = maps.Clone(object)
	object["$schema"] = dialect
	return object
}

// uri is where newShelf put a reference by its name.
func (s *shelf) uri(name string) string {
	uri, err := s.origin.Parse(withoutFragment(name))
	if err != nil {
		return base
	}
	return uri.String()
}

func withoutFragment(uri string) string {
	uri, _, _ = strings.Cut(uri, "#")
	return uri
}

// described is how messages name a place that the library names by a URI.
func described(location string) string {
	return clipTo(strings.TrimPrefix(location, base), locationMax)
}

const locationMax = 300
