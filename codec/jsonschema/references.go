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

// referencesMax bounds the references of one schema, which are tried with each other's URIs.
const referencesMax = 256

// shelf has the documents that references can mean, by their URIs without fragment. It is the library's only loader.
type shelf struct {
	documents map[string]any
	uris      []*url.URL // of all documents: what a relative name can be relative to
}

// Load gives the library a document. It fails with an *UnknownReferenceError.
func (s *shelf) Load(uri string) (any, error) {
	if found, ok := s.documents[uri]; ok {
		return found, nil
	}
	return nil, &UnknownReferenceError{URI: strings.TrimPrefix(uri, base)}
}

// named is a document and its name.
type named struct {
	name     string
	document any
}

// newShelf puts a schema and its references in all places where a $ref may look for them: by name, by the $id at the
// top, by those further in, and by a relative name beside each document. What comes first stays.
func newShelf(root any, references []named) (*shelf, error) {
	s := &shelf{documents: map[string]any{base: root}}
	origin, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	s.uris = append(s.uris, origin)
	for _, reference := range references {
		if _, err := s.put(origin, reference.name, reference.document); err != nil {
			return nil, &SchemaError{Reference: reference.name, Err: fmt.Errorf("its name is no URI: %w", err)}
		}
	}
	s.identified(origin, root)
	for _, reference := range references {
		if at, err := origin.Parse(withoutFragment(reference.name)); err == nil {
			s.identified(at, reference.document)
		}
	}
	for _, reference := range references {
		for _, at := range slices.Clone(s.uris) {
			if _, err := s.put(at, reference.name, reference.document); err != nil {
				return nil, &SchemaError{Reference: reference.name, Err: fmt.Errorf("its name is no URI: %w", err)}
			}
		}
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
		s.uris = append(s.uris, uri)
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
	uri, err := s.uris[0].Parse(withoutFragment(name))
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
