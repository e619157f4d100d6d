package protobuf

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

var errWritten = fmt.Errorf("the value is too large: %w", ErrLimit)

// Encode writes a generic value; the same value always has the same bytes. It fails with a *PathError.
func (m *Message) Encode(value any) (data []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			data, err = nil, &PathError{Err: fmt.Errorf("the value cannot be encoded: %v", cause)}
		}
	}()
	limits := &m.schema.limits
	w := newWriter(limits)
	if err := w.value(value); err != nil {
		return nil, asPath(err)
	}
	message := dynamicpb.NewMessage(m.node.descriptor)
	reader := protojson.UnmarshalOptions{Resolver: m.schema.types, RecursionLimit: limits.Depth}
	if err := reader.Unmarshal(w.out, message); err != nil {
		return nil, explain(err, value, w.out, limits)
	}
	data, err = proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return nil, &PathError{Err: plain(err)}
	}
	// A Value nests deeper in bytes than in JSON, for one, and what is written shall be readable.
	c := checker{data: data, text: true}
	if err := c.check(m.node, limits); err != nil {
		return nil, &PathError{Err: fmt.Errorf("the value cannot be read again: %w", err)}
	}
	return data, nil
}

// asPath makes a *PathError of an error that concerns the whole value.
func asPath(err error) error {
	if path, ok := err.(*PathError); ok { //nolint:errorlint // as in within
		return path
	}
	return &PathError{Err: err}
}

// explain gives an error of protojson the path in the value instead of the position in the text.
func explain(err error, value any, text []byte, limits *Limits) error {
	reason := plain(err).Error()
	place := regexp.MustCompile(`^(?:syntax error )?\(line 1:([0-9]+)\): `).FindStringSubmatch(reason)
	if place == nil {
		return &PathError{Err: errors.New(clip(reason, 300))}
	}
	reason = strings.TrimPrefix(reason, place[0])
	if strings.HasPrefix(reason, "unexpected token") {
		reason = "a value of another type was expected: " + reason
	}
	column, _ := strconv.Atoi(place[1])
	found := &PathError{Err: errors.New(clip(reason, 300))}
	w := newWriter(limits)
	w.found, w.target = found, runeOffset(text, column-1)
	_ = w.value(value) // it could be written before
	return found
}

// runeOffset is where the rune of that number begins.
func runeOffset(text []byte, number int) int {
	at := 0
	for range number {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}
