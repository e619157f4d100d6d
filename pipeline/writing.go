package pipeline

import (
	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
)

// notInLines says why a format cannot be written as lines.
func notInLines(format string) string {
	if format == formatJSONSchema {
		return "jsonschema puts a schema's id in front of each value, which has no place in a line: use json"
	}
	return format + " is binary, which lines cannot hold: use json"
}

// written reads how one side of the results is written to Kafka.
func (b *binder) written(settings *node, formatKey, schemaKey string, to codec.Target) side {
	format, schema := settings.child(formatKey), settings.child(schemaKey)
	given := schema != nil && !schema.null()
	name := format.string()
	if !hasSchemas(name) {
		if given {
			b.report.add(schema, "only with %s: avro, protobuf or jsonschema", formatKey)
		}
		if plain, ok := codec.ByName(name); ok {
			return side{encoder: plain, to: to}
		}
		return side{to: to}
	}
	writing := b.writing(name, schema)
	writer := newTypedWriter(b.registry, name, join(settings.path, schemaKey), to, writing)
	b.writers = append(b.writers, writer)
	return side{encoder: writer, own: given, to: to}
}

// writing reads a section schema or key_schema, which may be missing.
func (b *binder) writing(format string, section *node) codec.Writing {
	if section == nil || section.kind != mapping {
		return codec.Writing{}
	}
	w := codec.Writing{
		Subject: section.child("subject").string(), Message: section.child("message").string(), Register: section.child("register").truth(),
	}
	if id, ok := section.child("id").whole(); ok {
		w.ID = int32(id) // the schema bounds it
	}
	// The schema knows the words.
	w.Naming, _ = registry.ParseNaming(section.child("subject_naming").string())
	w.Form, _ = wire.ParseForm(section.child("wire").string())
	if w.Message != "" && format != formatProtobuf {
		b.report.add(section.child("message"), "only with format: protobuf")
		w.Message = ""
	}
	b.draft(&w, format, section)
	if w.Register && w.Draft == nil {
		b.report.add(section.child("register"), "only with file: there is nothing to register without a schema's text")
		w.Register = false
	}
	if err := w.Validate(); err != nil {
		b.report.add(section, "%v", err)
	}
	return w
}

// draft reads the schema's file.
func (b *binder) draft(w *codec.Writing, format string, section *node) {
	file, references := section.child("file"), section.child("references")
	if file.string() == "" {
		if references != nil && !references.null() {
			b.report.add(references, "only with file: a schema of the registry has its own")
		}
		return
	}
	w.Draft = &registry.Schema{}
	if references != nil {
		for _, item := range references.items {
			version, _ := item.child("version").whole()
			w.Draft.References = append(w.Draft.References, registry.Reference{
				Name: item.child("name").string(), Subject: item.child("subject").string(), Version: int(version),
			})
		}
	}
	text, err := b.schemaFile(file.text)
	if err == nil && len(w.Draft.References) == 0 { // with references the registry has to be asked
		err = checkSchema(format, text, w.Message)
	}
	if err != nil {
		b.report.add(file, "%s: %v", shownFile(file), err)
	}
	w.Draft.Text = text
}

// truth is a scalar's truth; the schema has reported what is none.
func (n *node) truth() bool { return n != nil && n.kind == scalar && n.value() == true }

// whole is a scalar's whole number.
func (n *node) whole() (value int64, given bool) {
	if n == nil || n.kind != scalar {
		return 0, false
	}
	switch v := n.value().(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), true // the schema lets 8.0 pass as a whole number
	default:
		return 0, false
	}
}

// checkKeyFormat refuses keys that would have to be made of something that is not known.
func (b *binder) checkKeyFormat(h *handler, topics []inputTopic) {
	n := b.root.at("output", "kafka", "key_format")
	if n == nil || h.keys.encoder == nil || h.key != nil {
		return
	}
	for _, t := range topics {
		from := t.format.key
		switch {
		case t.name == "" || h.keys.keeps(from):
		case from == nil || from.Name() == codec.Raw{}.Name():
			b.report.add(n, "how the keys of %s are to be read is not known: set input.key_format, or make the key with output.kafka.key", t.name)
			return
		}
	}
}
