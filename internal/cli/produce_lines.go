package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// lineBytesMax bounds one line. Brokers take 1 MiB unless told otherwise.
const lineBytesMax = 64 << 20

// lineReader makes records of lines.
type lineReader struct {
	topic     string
	format    codec.Format  // of a line
	encoder   codec.Encoder // nil: the value is the line
	text      bool          // a line may end with CRLF
	key       *gojq.Code    // nil: no key
	headers   []stream.Header
	partition int32
}

func newLineReader(o produceOptions) (*lineReader, error) {
	r := &lineReader{topic: o.topic, partition: o.partition}
	var known bool
	if r.format, known = codec.ByName(o.format); needsSchema(o.format) {
		r.format = codec.Document{}
	} else if !known {
		return nil, fmt.Errorf("--format must be json, string, raw, %s, and is %q", anyOf(schemaFormats()), o.format)
	}
	if err := o.schema.check(o.format); err != nil {
		return nil, err
	}
	_, raw := r.format.(codec.Raw)
	r.text = !raw
	if o.partition < stream.AnyPartition {
		return nil, fmt.Errorf("--partition must not be negative, and is %d", o.partition)
	}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--header %q must be name=value", h)
		}
		r.headers = append(r.headers, stream.Header{Key: name, Value: []byte(value)})
	}
	return r, r.keyFrom(o)
}

func (r *lineReader) keyFrom(o produceOptions) error {
	program := o.key
	switch {
	case o.key != "" && o.keyField != "":
		return errors.New("--key and --key-field exclude one another")
	case o.keyField != "":
		field, err := json.Marshal(o.keyField)
		if err != nil {
			return err
		}
		program = ".[" + string(field) + "]"
	case o.key == "":
		return nil
	}
	if _, isJSON := r.format.(codec.Document); !isJSON {
		return fmt.Errorf("a key is taken from a JSON document; --format is %s", r.format.Name())
	}
	query, err := gojq.Parse(program)
	if err != nil {
		return fmt.Errorf("--key %q is no valid jq: %w", program, err)
	}
	if r.key, err = gojq.Compile(query); err != nil {
		return fmt.Errorf("--key %q is no valid jq: %w", program, err)
	}
	return nil
}

// each reads lines and gives the record of each, or why it is none, until visit gives an error. Lines count from 1.
func (r *lineReader) each(ctx context.Context, source io.Reader, visit func(line uint64, m *stream.Message, err error) error) error {
	_, skipBlank := r.format.(codec.Document)
	reader := bufio.NewReaderSize(source, 64<<10)
	for line := uint64(1); ; line++ {
		text, err := readLine(reader)
		if r.text {
			text = bytes.TrimSuffix(text, []byte("\r"))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errLineTooLong) {
			return fmt.Errorf("read line %d: %w", line, err)
		}
		if err == nil && skipBlank && len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var m *stream.Message
		if err == nil {
			m, err = r.message(ctx, text)
		}
		if err := visit(line, m, err); err != nil {
			return err
		}
	}
}

var errLineTooLong = fmt.Errorf("longer than %d MiB", lineBytesMax>>20)

// readLine gives a line without its end. A line that is too long is read to its end.
func readLine(reader *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := reader.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > lineBytesMax; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLineTooLong
		case errors.Is(err, io.EOF) && len(line) > 0:
		case err != nil:
			return nil, err
		}
		return bytes.TrimSuffix(line, []byte("\n")), nil
	}
}

func (r *lineReader) message(ctx context.Context, text []byte) (*stream.Message, error) {
	m := stream.Message{Topic: r.topic, Value: text, Headers: r.headers}
	if r.partition != stream.AnyPartition {
		m = m.OnPartition(r.partition)
	}
	part := codec.Part{Topic: r.topic, Data: text}
	if r.key == nil && r.encoder == nil {
		return &m, r.format.Check(ctx, part)
	}
	value, err := r.format.Decode(ctx, part)
	if err != nil {
		return nil, err
	}
	if r.key != nil {
		if m.Key, err = r.keyOf(ctx, value); err != nil {
			return nil, err
		}
	}
	if r.encoder != nil {
		err = r.encode(ctx, &m, value)
	}
	return &m, err
}

func (r *lineReader) encode(ctx context.Context, m *stream.Message, value any) error {
	encoded, err := r.encoder.Encode(ctx, codec.Target{Topic: r.topic}, value)
	if err != nil {
		return err
	}
	m.Value = encoded.Data
	if encoded.Header.Key != "" {
		m.Headers = append(slices.Clip(m.Headers), encoded.Header)
	}
	return nil
}

// keyOf runs the key's program. Text is the key as it is, null is no key, and anything else is its JSON.
func (r *lineReader) keyOf(ctx context.Context, value any) ([]byte, error) {
	results := r.key.RunWithContext(ctx, value)
	first, any := results.Next()
	if !any {
		return nil, errors.New("the key's program gave nothing")
	}
	if err, failed := first.(error); failed {
		return nil, fmt.Errorf("key: %w", err)
	}
	if second, more := results.Next(); more {
		if err, failed := second.(error); failed {
			return nil, fmt.Errorf("key: %w", err)
		}
		return nil, errors.New("the key's program gave more than one result")
	}
	switch key := first.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(key), nil
	default:
		encoded, err := codec.Document{}.Encode(ctx, codec.Target{Topic: r.topic, Side: wire.Key}, key)
		return encoded.Data, err
	}
}
