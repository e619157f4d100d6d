package deadletter

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/stream"
)

// maxEnvelope bounds what Restore decodes. Kafka's own default limit on a message is 1 MiB.
const maxEnvelope = 64 << 20

// timeLayout is RFC 3339 with milliseconds, which every parser of it reads.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// document is the JSON envelope's value; the order of its fields is part of the format.
type document struct {
	OriginalTopic     string  `json:"original_topic"`
	OriginalPartition int32   `json:"original_partition"`
	OriginalOffset    int64   `json:"original_offset"`
	ErrorType         string  `json:"error_type"`
	ErrorMessage      string  `json:"error_message"`
	FailedAt          string  `json:"failed_at"`
	Payload           *string `json:"payload"`
	// PayloadBase64 is the value where Payload cannot be.
	PayloadBase64 string `json:"payload_base64,omitempty"`
	// OriginalTimestamp is in milliseconds since 1970, as in the record.
	OriginalTimestamp *int64 `json:"original_timestamp,omitempty"`
	Attempts          int32  `json:"attempts"`
	Group             string `json:"group"`
	Handler           string `json:"handler"`
	Host              string `json:"host"`
	Stack             string `json:"stack,omitempty"`
	Reason            string `json:"reason,omitempty"`
}

func encodeJSON(r *stream.Record, f *Failure) ([]byte, error) {
	d := document{
		OriginalTopic:     r.Topic,
		OriginalPartition: r.Partition,
		OriginalOffset:    r.Offset,
		ErrorType:         f.ErrorType,
		ErrorMessage:      f.Message,
		FailedAt:          f.FailedAt.UTC().Format(timeLayout),
		Attempts:          f.Attempts,
		Group:             f.Group,
		Handler:           f.Handler,
		Host:              f.Host,
		Stack:             f.Stack,
		Reason:            f.Reason,
	}
	if r.Value != nil {
		payload := string(r.Value)
		if !utf8.Valid(r.Value) {
			payload = strings.ToValidUTF8(payload, "\uFFFD")
			d.PayloadBase64 = base64.StdEncoding.EncodeToString(r.Value)
		}
		d.Payload = &payload
	}
	if !r.Timestamp.IsZero() {
		ms := r.Timestamp.UnixMilli()
		d.OriginalTimestamp = &ms
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&d); err != nil {
		return nil, fmt.Errorf("encode the JSON envelope: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// reading is a document as it may come from anywhere: what must be there is told from what is null.
type reading struct {
	document

	OriginalTopic     *string         `json:"original_topic"`
	OriginalPartition *int32          `json:"original_partition"`
	OriginalOffset    *int64          `json:"original_offset"`
	Payload           json.RawMessage `json:"payload"`
}

// decodeJSON reads the JSON envelope. The six facts before the payload are enough to be one, so that dead letters in this
// format by other programs can be restored too.
func decodeJSON(value []byte) (facts, []byte, error) {
	if len(value) > maxEnvelope {
		return facts{}, nil, fmt.Errorf("the value has %d bytes, more than %d", len(value), maxEnvelope)
	}
	if !utf8.Valid(value) {
		return facts{}, nil, errors.New("the value is not UTF-8")
	}
	var in reading
	if err := json.Unmarshal(value, &in); err != nil {
		return facts{}, nil, fmt.Errorf("decode the JSON envelope: %w", err)
	}
	out, err := in.facts()
	if err != nil {
		return facts{}, nil, err
	}
	payload, err := in.payload()
	if err != nil {
		return facts{}, nil, err
	}
	return out, payload, nil
}

func (in *reading) facts() (facts, error) {
	switch {
	case in.OriginalTopic == nil || *in.OriginalTopic == "":
		return facts{}, errors.New("original_topic is missing")
	case in.OriginalPartition == nil || *in.OriginalPartition < 0:
		return facts{}, errors.New("original_partition is missing or negative")
	case in.OriginalOffset == nil || *in.OriginalOffset < 0:
		return facts{}, errors.New("original_offset is missing or negative")
	}
	out := facts{
		topic:     *in.OriginalTopic,
		partition: *in.OriginalPartition,
		offset:    *in.OriginalOffset,
		failure: Failure{
			ErrorType: in.ErrorType, Message: in.ErrorMessage, Reason: in.Reason, Attempts: in.Attempts,
			Group: in.Group, Handler: in.Handler, Host: in.Host, Stack: in.Stack,
		},
	}
	if in.OriginalTimestamp != nil {
		out.timestamp = time.UnixMilli(*in.OriginalTimestamp).UTC()
	}
	if in.FailedAt != "" {
		at, err := time.Parse(time.RFC3339Nano, in.FailedAt)
		if err != nil {
			return facts{}, fmt.Errorf("failed_at: %w", err)
		}
		out.failure.FailedAt = at.UTC()
	}
	return out, nil
}

func (in *reading) payload() ([]byte, error) {
	if in.Payload == nil {
		return nil, errors.New("payload is missing")
	}
	var payload *string
	if err := json.Unmarshal(in.Payload, &payload); err != nil {
		return nil, fmt.Errorf("payload is neither a string nor null: %w", err)
	}
	if in.PayloadBase64 == "" {
		if payload == nil {
			return nil, nil
		}
		return []byte(*payload), nil
	}
	// The exact value is written beside the payload only where bytes had to be replaced in it. Without a replacement
	// character somebody has mended the payload and would get the broken value back.
	if payload == nil || !strings.Contains(*payload, "\uFFFD") {
		return nil, errors.New("payload was edited but payload_base64 still holds the original; remove one of them")
	}
	exact, err := base64.StdEncoding.Strict().DecodeString(in.PayloadBase64)
	if err != nil {
		return nil, fmt.Errorf("payload_base64: %w", err)
	}
	return exact, nil
}
