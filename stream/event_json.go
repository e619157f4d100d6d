package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// MarshalJSON writes the event as one flat object: "time", "event" (its name), and then the event's own fields, so that a
// line of the stream can be filtered without knowing the kind of event.
func (e EventTime) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	head := struct {
		Time time.Time `json:"time"`
		Name string    `json:"event"`
	}{e.Time, e.Event.EventName()}
	if err := encoder.Encode(head); err != nil {
		return nil, fmt.Errorf("event %s: %w", head.Name, err)
	}
	b.Truncate(b.Len() - len("}\n"))
	start := b.Len()
	if err := encoder.Encode(e.Event); err != nil {
		return nil, fmt.Errorf("event %s: %w", head.Name, err)
	}
	fields := b.Bytes()[start:]
	if fields[1] == '}' { // an event without fields
		b.Truncate(start)
		b.WriteByte('}')
		return b.Bytes(), nil
	}
	fields[0] = ',' // in place of the brace that opens the event's own object
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
