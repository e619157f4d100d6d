package pipeline

import (
	"slices"

	"github.com/troupe-go/troupe/codec"
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

// decoding gives how the records of an entry of input.topics are read.
func (b *binder) decoding(item *node) decoding {
	value, key := item.child("format"), item.child("key_format")
	if value == nil || value.null() {
		value = b.root.at("input", "format")
	}
	if key == nil || key.null() {
		key = b.root.at("input", "key_format")
	}
	d := decoding{value: codec.Raw{}}
	if format, ok := codec.ByName(value.string()); ok {
		d.value = format
	}
	if format, ok := codec.ByName(key.string()); ok {
		d.key = format
	}
	return d
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
