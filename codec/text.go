package codec

import (
	"errors"
	"fmt"
)

// ErrUTF8 is why text was refused: replacing the bytes would lose them without a word.
var ErrUTF8 = errors.New("not valid UTF-8")

// Raw is bytes as they are.
type Raw struct{}

// Name is "raw".
func (Raw) Name() string { return "raw" }

// Decode gives data itself.
func (Raw) Decode(_ string, data []byte) (any, error) { return data, nil }

// Check accepts everything.
func (Raw) Check(string, []byte) error { return nil }

// Encode takes bytes and text.
func (Raw) Encode(_ string, value any) ([]byte, error) {
	switch v := value.(type) {
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	default:
		return nil, &EncodeError{Format: "raw", Err: fmt.Errorf("want bytes or text, got %s", kindOf(value))}
	}
}

// String is text in UTF-8.
type String struct{}

// Name is "string".
func (String) Name() string { return "string" }

// Decode gives a string, and refuses bytes that are not UTF-8.
func (s String) Decode(topic string, data []byte) (any, error) {
	if err := s.Check(topic, data); err != nil {
		return nil, err
	}
	return string(data), nil
}

// Check refuses bytes that are not UTF-8.
func (String) Check(_ string, data []byte) error {
	if at, bad := invalidUTF8(data); bad {
		return &DecodeError{Format: "string", Position: at, Err: ErrUTF8}
	}
	return nil
}

// Encode takes a string and nothing else: how a number or an object should look as text is for the pipeline to say.
func (String) Encode(_ string, value any) ([]byte, error) {
	text, ok := value.(string)
	if !ok {
		return nil, &EncodeError{Format: "string", Err: fmt.Errorf("want a string, got %s", kindOf(value))}
	}
	return []byte(text), nil
}
