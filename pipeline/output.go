package pipeline

import (
	"slices"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/sink"
)

// handler builds what handles the records. It is complete also where there are faults, so that all of them are found.
func (b *binder) handler(topics []inputTopic) *handler {
	h := &handler{
		topics: make(map[string]decoding), fallback: b.decoding(nil), tombstones: b.text("input", "tombstones"),
		uses: make(map[string]bool), limits: defaultLimits(),
	}
	if h.tombstones == "" {
		h.tombstones = defaultTombstones
	}
	for _, t := range topics {
		if isPattern(t.name) {
			h.fallback = t.format
		} else {
			h.topics[t.name] = t.format
		}
	}
	b.steps(h)
	b.output(h)
	b.checkFormats(h, topics)
	return h
}

func (b *binder) steps(h *handler) {
	list := b.root.at("steps")
	if list == nil || list.kind != sequence {
		return
	}
	for _, item := range list.items {
		for _, e := range item.entries {
			if kind := e.key.text; !e.value.null() && (kind == "filter" || kind == "map") {
				h.steps = append(h.steps, step{kind: kind, program: b.program(h, e.value)})
				h.mapped = h.mapped || kind == "map"
			}
		}
	}
}

// program compiles the jq of a node.
func (b *binder) program(h *handler, n *node) *program {
	source := n.string()
	if source == "" {
		return nil // the schema has reported it
	}
	p, err := compile(source)
	if err != nil {
		b.report.add(n, "%v", err)
		return nil
	}
	for name, used := range p.uses {
		h.uses[name] = h.uses[name] || used
	}
	return p
}

// output chooses the sink; the schema sees to it that there is at most one.
func (b *binder) output(h *handler) {
	out := b.root.at("output")
	h.sink, h.readable = sink.Log{Logger: b.options.Logger}, true
	if out == nil {
		return
	}
	// A null is an output that was not given, but for those that need no settings.
	chosen := slices.IndexFunc(out.entries, func(e entry) bool {
		return !e.value.null() || e.key.text == "stdout" || e.key.text == "drop"
	})
	if chosen < 0 {
		return
	}
	name, settings := out.entries[chosen].key.text, out.entries[chosen].value
	if format := settings.child("format"); name != "kafka" && format != nil && hasSchemas(format.string()) {
		b.report.add(format, "%s", notInLines(format.text))
	}
	if format, ok := codec.ByName(settings.child("format").string()); ok {
		h.values.encoder = format
	}
	lines := h.resultFormat() == codec.Document{}.Name()
	switch name {
	case "kafka":
		b.kafka(h, settings)
	case "file":
		h.sink = sink.NewFile(settings.child("path").string(), lines)
	case "stdout":
		h.sink = sink.NewLines(b.options.Stdout, lines)
	case "drop":
		h.sink, h.readable = sink.Drop{}, false
	}
}

// kafka is the one output whose values and keys may tell their schemas.
func (b *binder) kafka(h *handler, settings *node) {
	topic := settings.child("topic").string()
	if key := settings.child("key"); key != nil && !key.null() {
		h.key = b.program(h, key)
	}
	h.sink, h.readable = sink.Kafka{Topic: topic}, false
	h.values = b.written(settings, "format", "schema", codec.Target{Topic: topic, Side: wire.Value})
	h.keys = b.written(settings, "key_format", "key_schema", codec.Target{Topic: topic, Side: wire.Key})
}

// resultFormat is the name of the format that results are written in.
func (h *handler) resultFormat() string {
	switch {
	case h.values.encoder != nil:
		return h.values.encoder.Name()
	case h.mapped:
		return codec.Document{}.Name()
	default:
		return h.fallback.value.Name()
	}
}

// checkFormats refuses combinations that could only fail record by record.
func (b *binder) checkFormats(h *handler, topics []inputTopic) {
	raw := codec.Raw{}.Name()
	key := b.root.at("output", "kafka", "key")
	b.checkKeyFormat(h, topics)
	var format *node
	for _, name := range []string{"kafka", "file", "stdout"} {
		if n := b.root.at("output", name, "format"); n != nil {
			format = n
		}
	}
	if format != nil && h.mapped && h.values.is(raw) {
		b.report.add(format, "a map gives values, not bytes: use json or string")
	}
	for _, t := range topics {
		if typed := t.format.value.Name(); format != nil && !h.mapped && h.values.is(raw) && hasSchemas(typed) {
			b.report.add(format, "%s is read as %s, whose values are not bytes: use json, or leave it out to keep the bytes", t.name, typed)
		}
		if t.format.value.Name() != raw || b.formatRefused(t) {
			continue
		}
		const why = "%s is read as raw bytes, which jq cannot look into: set input.format to json or string"
		switch {
		case len(h.steps) > 0:
			b.report.add(b.root.at("steps"), why, t.name)
		case key != nil && !key.null():
			b.report.add(key, why, t.name)
		case h.values.encoder != nil && !h.values.is(raw):
			b.report.add(format, "%s is read as raw bytes, which cannot be written as %s: set input.format", t.name, h.values.encoder.Name())
		}
	}
}

// formatRefused says that a topic's format has a fault already: it is raw only because it is something else.
func (b *binder) formatRefused(t inputTopic) bool {
	for _, n := range b.formats() {
		if _, known := codec.ByName(n.text); !known && !hasSchemas(n.text) {
			return true
		}
	}
	return t.name == ""
}
