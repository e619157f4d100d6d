package avro

// Times says how dates and times come out of Decode. Encode takes both forms.
type Times uint8

const (
	// TimesText is RFC 3339: "2024-02-29", "13:37:00.000", "2024-02-29T13:37:00.000Z", local timestamps without the Z,
	// each with all the digits of its unit. What has no such form (years before 0 and after 9999, times of day that no
	// day has) comes as its number.
	TimesText Times = iota
	// TimesNumber is the number as it was written: days since 1970 or the unit since midnight or 1970.
	TimesNumber
)

// Options say how payloads are read.
type Options struct {
	Times Times
}

// Reader reads what was written with one schema, as another one or as the same. It is safe for concurrent use.
type Reader struct {
	writer  *Schema
	reader  *Schema
	plan    *plan
	options Options
}

// NewReader resolves the writer's schema against the reader's; without a reader's schema, values come as they were
// written. It fails with a *SchemaError if the reader's schema cannot take any of the writer's values. The limits are
// those of the writer's schema.
func NewReader(writer, reader *Schema, options Options) (*Reader, error) {
	if reader == nil {
		reader = writer
	}
	p, err := resolve(writer.root, reader.root)
	if err != nil {
		return nil, &SchemaError{Err: err}
	}
	return &Reader{writer: writer, reader: reader, plan: p, options: options}, nil
}

// Check says whether data is exactly one value of the writer's schema, as Schema.Check does.
func (r *Reader) Check(data []byte) error { return r.writer.Check(data) }

// Decode gives the generic value of data. It fails with a *DecodeError.
func (r *Reader) Decode(data []byte) (any, error) {
	if err := r.Check(data); err != nil {
		return nil, err
	}
	d := newDecoder(data, r.options.Times, r.writer.limits.budget(len(data)))
	return d.value(r.plan)
}

// Unmarshal fills the Go value that target points to, as hamba/avro does: structs by the tag avro, *T for a union of null
// and T, time.Time, *big.Rat for a decimal, hence **big.Rat for one that may be null. Fields that the struct does not have
// are passed over, and fields that the schema does not have stay as they are. It fails with a *DecodeError if the data is
// wrong, and with another error if the type is.
func (r *Reader) Unmarshal(data []byte, target any) error {
	if err := r.Check(data); err != nil {
		return err
	}
	if r.writer != r.reader {
		limits := &r.writer.limits
		t := transcoder{cursor: cursor{data: data}, outMax: limits.Bytes, fills: limits.budget(len(data))}
		if err := t.value(r.plan); err != nil {
			return err
		}
		data = t.out
	}
	return r.reader.typed.decode(data, target)
}

// Marshal writes a Go value, as hamba/avro does. Fields that the struct does not have are filled in from their defaults
// where these are null (in a union of two), a boolean, a string, a number that a double holds exactly, or empty. What has been written is
// checked like what is read. It fails with an error that names the field.
func (s *Schema) Marshal(value any) ([]byte, error) {
	data, err := s.typed.encode(value)
	if err != nil {
		return nil, err
	}
	if err := s.Check(data); err != nil {
		return nil, err
	}
	return data, nil
}
