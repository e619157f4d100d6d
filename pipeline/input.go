package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/avro"
)

// inputTopic is an entry of input.topics.
type inputTopic struct {
	name   string
	at     *node // of the name
	format decoding
}

func (b *binder) topics() []inputTopic {
	list := b.root.at("input", "topics")
	if list == nil || list.kind != sequence {
		return nil
	}
	var topics []inputTopic
	for _, item := range list.items {
		t := inputTopic{at: item, format: b.decoding(item)}
		if item.kind == mapping {
			if t.at = item.child("topic"); t.at == nil {
				continue
			}
		}
		if t.name = t.at.string(); checkTopicOrPattern(t.name) != nil {
			continue
		}
		if slices.ContainsFunc(topics, func(other inputTopic) bool { return other.name == t.name }) {
			b.report.add(t.at, "%s is listed twice", t.name)
			continue
		}
		if isPattern(t.name) && len(list.items) > 1 {
			b.report.add(t.at, "a pattern must be the only entry; join patterns with |, like ^(orders|returns)\\..*")
		}
		topics = append(topics, t)
	}
	return topics
}

// decoding gives how the records of an entry of input.topics are read; without one, those of all others.
func (b *binder) decoding(item *node) decoding {
	value, key := b.ownOrInput(item, "format"), b.ownOrInput(item, "key_format")
	d := decoding{value: codec.Raw{}}
	if format := b.decoder(value.string(), b.ownOrInput(item, "reader_schema")); format != nil {
		d.value = format
	}
	if format := b.decoder(key.string(), nil); format != nil {
		d.key = format
	}
	return d
}

// ownOrInput is the node under key of an entry of input.topics, or of input itself.
func (b *binder) ownOrInput(item *node, key string) *node {
	if n := item.child(key); n != nil && !n.null() {
		return n
	}
	return b.root.at("input", key)
}

// decoder gives a format by its name, or nil. One that has schemas is shared by all that read alike, because it keeps what
// it has compiled.
func (b *binder) decoder(format string, readerSchema *node) decoder {
	if plain, ok := codec.ByName(format); ok {
		return plain
	}
	if !hasSchemas(format) {
		return nil
	}
	alike := format
	var options codec.AvroOptions
	if format == formatAvro {
		options = codec.AvroOptions{Reader: b.readerSchema(readerSchema), Times: b.times()}
		alike += " " + readerSchema.string()
	}
	if b.decoders[alike] == nil {
		b.decoders[alike] = newTypedDecoder(b.registry, format, options)
	}
	return b.decoders[alike]
}

// readerSchema reads the file that values are read as. What is wrong with it is reported once.
func (b *binder) readerSchema(n *node) *avro.Schema {
	file := n.string()
	if file == "" {
		return nil
	}
	if schema, known := b.readerSchemas[file]; known {
		return schema
	}
	text, err := b.schemaFile(file)
	var schema *avro.Schema
	if err == nil {
		schema, err = avro.Parse(text, nil, avro.Limits{})
	}
	if err != nil {
		b.report.add(n, "%s: %v", shownFile(n), err)
	}
	b.readerSchemas[file] = schema
	return schema
}

func (b *binder) times() avro.Times {
	if b.text("input", "timestamps") == "number" {
		return avro.TimesNumber
	}
	return avro.TimesText
}

// schemaFile reads a file of a schema.
func (b *binder) schemaFile(name string) (string, error) {
	content, err := b.options.ReadFile(name)
	switch {
	case err != nil:
		return "", err
	case len(content) > schemaFileBytesMax:
		return "", fmt.Errorf("longer than %d bytes", schemaFileBytesMax)
	case !utf8.Valid(content):
		return "", errors.New("not valid UTF-8")
	default:
		return string(content), nil
	}
}

// shownFile is a file's name for messages.
func shownFile(n *node) string {
	if n.isSecret() {
		return "the file"
	}
	return n.text
}

// checkAvroSettings refuses what only Avro heeds where nothing is read as Avro.
func (b *binder) checkAvroSettings(topics []inputTopic) {
	list, ownSchemas := b.root.at("input", "topics"), 0
	if list != nil {
		for _, item := range list.items {
			schema := item.child("reader_schema")
			if schema == nil || schema.null() {
				continue
			}
			ownSchemas++
			if format := b.ownOrInput(item, "format").string(); format != formatAvro {
				b.report.add(schema, "only with format: avro")
			}
		}
	}
	reads := func(side func(decoding) decoder) bool {
		return slices.ContainsFunc(topics, func(t inputTopic) bool {
			format := side(t.format)
			return format != nil && format.Name() == formatAvro
		})
	}
	values := reads(func(d decoding) decoder { return d.value })
	if n := b.root.at("input", "reader_schema"); n != nil && !n.null() && !values && ownSchemas == 0 {
		b.report.add(n, "only with format: avro")
	}
	if n := b.root.at("input", "timestamps"); n != nil && !n.null() && !values && !reads(func(d decoding) decoder { return d.key }) {
		b.report.add(n, "only with format or key_format: avro")
	}
}

// checkLoops refuses a pipeline that reads what it writes. Where it reads by a pattern, its own topics are left out of
// the pattern instead.
func (b *binder) checkLoops(topics []inputTopic) {
	output, deadLetter := b.root.at("output", "kafka", "topic"), b.root.at("dead_letter", "topic")
	for _, t := range topics {
		switch t.name {
		case "":
		case output.string():
			b.report.add(output, "a loop: the pipeline also reads %s", t.name)
		case deadLetter.string():
			b.report.add(deadLetter, "a loop: the pipeline also reads %s", t.name)
		}
		derived := t.name + ".dead-letter"
		if deadLetter.string() == "" && b.text("dead_letter") != "off" &&
			slices.ContainsFunc(topics, func(other inputTopic) bool { return other.name == derived }) {
			b.report.add(t.at, "a loop: the dead letters of %s go to %s, which the pipeline also reads; set dead_letter.topic",
				t.name, derived)
		}
	}
	if output.string() != "" && output.string() == deadLetter.string() {
		b.report.add(deadLetter, "%s is the output's topic too: dead letters would mix with results", output.string())
	}
}
