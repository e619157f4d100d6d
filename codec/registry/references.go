package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// subjectVersion is how references name a schema.
type subjectVersion struct {
	subject string
	version int
}

func (v subjectVersion) String() string { return fmt.Sprintf("%s version %d", v.subject, v.version) }

// tree resolves the references of one schema. Each schema is asked for once, whichever ways lead to it.
type tree struct {
	resolver *Resolver
	done     map[subjectVersion]*Schema
	way      []subjectVersion // from the schema that was asked for to the one at hand
	bytes    int64
}

// resolve gives a schema with everything it refers to. It fails with an *UnusableSchemaError, or as an outage.
func (r *Resolver) resolve(ctx context.Context, q question, root found) (*Schema, error) {
	t := tree{resolver: r, done: make(map[subjectVersion]*Schema)}
	s, err := t.build(ctx, root)
	if err == nil || isUnavailable(err) {
		return s, err
	}
	return nil, &UnusableSchemaError{What: q.String(), Err: err}
}

func (t *tree) build(ctx context.Context, f found) (*Schema, error) {
	limits := &t.resolver.config
	if t.bytes += int64(len(f.text)); t.bytes > texts*limits.AnswerBytesMax {
		return nil, fmt.Errorf("%w: with its references it has more than %d bytes", ErrTooLarge, texts*limits.AnswerBytesMax)
	}
	s := &Schema{ID: f.id, GUID: f.guid, Type: f.kind, Text: f.text, Subject: f.subject, Version: f.version}
	if len(f.refs) > limits.ReferencesMax {
		return nil, fmt.Errorf("%w: %w: there are more than %d", ErrReferences, ErrTooLarge, limits.ReferencesMax)
	}
	for _, ref := range f.refs {
		at := subjectVersion{ref.Subject, ref.Version}
		child, err := t.child(ctx, at)
		if err != nil {
			return nil, err
		}
		s.References = append(s.References, Reference{Name: ref.Name, Subject: at.subject, Version: at.version, Schema: child})
	}
	return s, nil
}

func (t *tree) child(ctx context.Context, at subjectVersion) (*Schema, error) {
	limits := &t.resolver.config
	if child, ok := t.done[at]; ok {
		return child, nil
	}
	if at.subject == "" {
		return nil, fmt.Errorf("%w: one names no subject", ErrReferences)
	}
	if slices.Contains(t.way, at) {
		return nil, fmt.Errorf("%w: they go round in a circle: %s", ErrReferences, t.describe(at))
	}
	if len(t.way) >= limits.ReferenceDepthMax {
		return nil, fmt.Errorf("%w: they go deeper than %d: %s", ErrReferences, limits.ReferenceDepthMax, t.describe(at))
	}
	if len(t.done)+len(t.way) >= limits.ReferencesMax {
		return nil, fmt.Errorf("%w: %w: there are more than %d", ErrReferences, ErrTooLarge, limits.ReferencesMax)
	}
	f, err := t.resolver.ask(ctx, question{kind: bySubjectVersion, subject: at.subject, version: at.version}, nil, limits.UnknownGrace)
	if err != nil {
		return nil, t.broken(at, err)
	}
	t.way = append(t.way, at)
	child, err := t.build(ctx, f)
	t.way = t.way[:len(t.way)-1]
	if err != nil {
		return nil, err
	}
	t.done[at] = child
	return child, nil
}

// broken is why a reference is not there: an outage stays one.
func (t *tree) broken(at subjectVersion, err error) error {
	var large *UnusableSchemaError
	switch {
	case isUnavailable(err):
		return err
	case errors.As(err, &large):
		err = large.Err
	}
	return fmt.Errorf("%w: %s: %w", ErrReferences, t.describe(at), err)
}

func (t *tree) describe(at subjectVersion) string {
	var out strings.Builder
	for _, v := range t.way {
		out.WriteString(v.String() + " -> ")
	}
	return out.String() + at.String()
}
