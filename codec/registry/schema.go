package registry

import (
	"encoding/json"
	"fmt"

	"github.com/troupe-go/troupe/codec/wire"
)

// Type is the language that a schema is written in.
type Type uint8

// The types that registries know.
const (
	Avro Type = iota + 1
	Protobuf
	JSON
)

// String is the type's name in the registry's API.
func (t Type) String() string {
	switch t {
	case Avro:
		return "AVRO"
	case Protobuf:
		return "PROTOBUF"
	case JSON:
		return "JSON"
	default:
		return fmt.Sprintf("type %d", uint8(t))
	}
}

// ParseType reads the name in the registry's API, where none means Avro.
func ParseType(name string) (Type, error) {
	switch name {
	case "", "AVRO":
		return Avro, nil
	case "PROTOBUF":
		return Protobuf, nil
	case "JSON":
		return JSON, nil
	default:
		return 0, fmt.Errorf("%w: %q, want AVRO, PROTOBUF or JSON", ErrType, oneLine(name))
	}
}

// MarshalJSON is the name.
func (t Type) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// UnmarshalJSON is ParseType.
func (t *Type) UnmarshalJSON(data []byte) error {
	var name string
	if err := json.Unmarshal(data, &name); err != nil {
		return err
	}
	parsed, err := ParseType(name)
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}

// Schema is a schema with everything that it refers to. It must not be changed.
type Schema struct {
	// ID is the registry's; 0 where it did not tell (some do not, for a lookup by GUID).
	ID int32
	// GUID is the same in every registry; zero where the registry did not tell; older ones have
	// none.
	GUID wire.GUID
	Type Type
	// Text is the schema as the registry has it. For Protobuf it is a .proto file, or a FileDescriptorProto in base64,
	// depending on who registered it.
	Text string
	// References are the schemas that Text names directly, in the registry's order.
	References []Reference
	// Subject and Version are known where the schema was found by them: Latest, Lookup, and references.
	Subject string
	Version int
}

// Reference is a schema by the name that another schema's text calls it: an Avro full name, the path of a Protobuf import,
// the URI of a JSON Schema's $ref.
type Reference struct {
	Name    string
	Subject string
	Version int
	// Schema is what is referred to; never nil in what a Resolver gives, not looked at in what it takes.
	Schema *Schema
}

// Dependencies are all references, direct and indirect, each once, every one behind those that its own schema has: the
// order in which to parse them.
func (s *Schema) Dependencies() []Reference {
	type identity struct {
		name   string
		schema *Schema
	}
	var out []Reference
	seen := make(map[identity]bool)
	visited := make(map[*Schema]bool)
	var visit func(*Schema)
	visit = func(at *Schema) {
		if at == nil || visited[at] {
			return
		}
		visited[at] = true
		for _, reference := range at.References {
			visit(reference.Schema)
			if id := (identity{reference.Name, reference.Schema}); !seen[id] {
				seen[id] = true
				out = append(out, reference)
			}
		}
	}
	visit(s)
	return out
}

// schemaOverhead is what a schema costs in memory beside its text.
const schemaOverhead = 512

// cost is about how many bytes the schema and its references hold.
func (s *Schema) cost() int64 {
	total := int64(schemaOverhead + len(s.Text))
	seen := make(map[*Schema]bool)
	for _, reference := range s.Dependencies() {
		total += schemaOverhead
		if !seen[reference.Schema] {
			seen[reference.Schema] = true
			total += int64(len(reference.Schema.Text))
		}
	}
	return total
}
