package protobuf

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

const nested = `syntax = "proto3"; package a.b;
message First { int32 x = 1; }
message Second {
	message Inner { string s = 1; message Innermost { bool b = 1; } }
	map<string, int32> m = 2;
	Inner.Innermost i = 1;
}`

func TestIndexPaths(t *testing.T) {
	t.Parallel()
	s := parse(t, nested)
	for name, indexes := range map[string][]int{
		"a.b.First":                  {0},
		"a.b.Second":                 {1},
		"a.b.Second.Inner":           {1, 0},
		"a.b.Second.Inner.Innermost": {1, 0, 0},
	} {
		byIndex, err := s.Message(indexes)
		require.NoError(t, err)
		require.Equal(t, name, byIndex.Name())
		require.Equal(t, indexes, byIndex.Indexes())
		byName, err := s.ByName(name)
		require.NoError(t, err)
		require.Equal(t, byIndex.Descriptor(), byName.Descriptor())
	}
	first, err := s.Message(nil)
	require.NoError(t, err)
	require.Equal(t, "a.b.First", first.Name())
	for want, indexes := range map[string][]int{
		"there is no message at the indexes [2]: the schema declares 2 messages":                       {2},
		"there is no message at the indexes [-1]: the schema declares 2 messages":                      {-1},
		"there is no message at the indexes [0 0]: a.b.First declares 0 messages":                      {0, 0},
		"there is no message at the indexes [1 0 1]: a.b.Second.Inner declares 1 messages":             {1, 0, 1},
		"there is no message at the indexes [1 0 0 0]: a.b.Second.Inner.Innermost declares 0 messages": {1, 0, 0, 0},
		"a.b.Second.MEntry is the entry of a map and no message":                                       {1, 1},
	} {
		_, err := s.Message(indexes)
		require.EqualError(t, err, want)
	}
	_, err = s.ByName("Second")
	require.EqualError(t, err, `there is no message "Second" in the schema, it declares a.b.First, a.b.Second`)
	_, err = s.ByName("google.protobuf.Timestamp")
	require.EqualError(t, err, "the message google.protobuf.Timestamp is declared in google/protobuf/timestamp.proto, which the schema only imports; the schema declares a.b.First, a.b.Second")
	_, err = parse(t, `syntax = "proto3"; enum E { A = 0; }`).Message(nil)
	require.EqualError(t, err, "there is no message at the indexes [0]: the schema declares 0 messages")
	_, err = parse(t, "").ByName("M")
	require.EqualError(t, err, `there is no message "M" in the schema, it declares none`)
}

func TestReferencesInBothForms(t *testing.T) {
	t.Parallel()
	money := Reference{Name: "common/money.proto", Text: `syntax = "proto3"; package common; message Money { string currency = 1; int64 units = 2; }`}
	line := Reference{Name: "order/line.proto", Text: `syntax = "proto2"; package order; import "common/money.proto"; message Line { required common.Money price = 1; }`}
	reexport := Reference{Name: "all.proto", Text: `syntax = "proto3"; import public "order/line.proto"; import public "common/money.proto";`}
	const order = `syntax = "proto3"; package order; import "all.proto"; message Order { repeated Line lines = 1; common.Money total = 2; }`
	form := form{`{"lines": [{"price": {"currency": "EUR"}}], "total": {"units": "5"}}`, "\x0a\x07\x0a\x05\x0a\x03EUR\x12\x02\x10\x05"}

	references := []Reference{money, line, reexport}
	form.check(t, messageOf(t, order, references...))
	// Every subset of the files as descriptors in base64.
	for set := range 1 << 4 {
		var mixed []Reference
		for i, reference := range references {
			if set>>i&1 == 1 {
				reference.Text = encoded(t, parse(t, reference.Text, references[:i]...))
			}
			mixed = append(mixed, reference)
		}
		text := order
		if set>>3 == 1 {
			text = encoded(t, parse(t, order, references...))
		}
		m := messageOf(t, text, mixed...)
		require.Equal(t, "order.Order", m.Name())
		form.check(t, m)
	}
	// A reference may be named twice, and one for what is built in is not needed, and not read.
	form.check(t, messageOf(t, order, money, money, line, Reference{Name: "google/type/money.proto", Text: "nonsense"}, reexport))
}

func TestBuiltInFiles(t *testing.T) {
	t.Parallel()
	m := messageOf(t, `syntax = "proto3";
		import "google/type/money.proto"; import "google/type/datetime.proto"; import "google/type/color.proto"; import "google/type/interval.proto";
		import "google/type/dayofweek.proto"; import "google/type/phone_number.proto"; import "confluent/meta.proto"; import "confluent/type/decimal.proto";
		import "confluent/type/variant.proto";
		message M {
			option (confluent.message_meta).doc = "text";
			google.type.Money money = 1 [(confluent.field_meta) = { doc: "what it costs", params: [{ key: "k", value: "v" }], tags: ["PII"], rules: [{ name: "n", expr: "true" }] }];
			google.type.DateTime at = 2; google.type.Color color = 3; google.type.DayOfWeek day = 4; confluent.type.Decimal amount = 5;
			google.type.PhoneNumber phone = 6; google.type.Interval interval = 7; confluent.type.Variant variant = 8;
		}`)
	form{
		`{"money": {"currencyCode": "EUR", "units": "1", "nanos": 5}, "at": {"utcOffset": "3600s"}, "color": {"alpha": 0.5}, "day": "SUNDAY", "amount": {"value": "AQ==", "scale": 2}}`,
		"\x0a\x09\x0a\x03EUR\x10\x01\x18\x05\x12\x05\x42\x03\x08\x90\x1c\x1a\x07\x22\x05\x0d\x00\x00\x00\x3f\x20\x07\x2a\x05\x0a\x01\x01\x18\x02",
	}.check(t, m)
	entries, err := builtin.ReadDir("builtin/google/type")
	require.NoError(t, err)
	require.Len(t, entries, 17)
	for _, entry := range entries {
		s := parse(t, fmt.Sprintf(`import "google/type/%s";`, entry.Name()))
		file := s.file.Imports().Get(0)
		require.Positive(t, file.Messages().Len()+file.Enums().Len(), file.Path())
	}
	for _, path := range []string{"google/protobuf/descriptor.proto", "google/protobuf/compiler/plugin.proto", "google/protobuf/go_features.proto", "google/protobuf/java_features.proto", "confluent/types/decimal.proto"} {
		parse(t, fmt.Sprintf(`import %q;`, path))
	}
}

// TestBuiltInDescriptors imports built-in files from a descriptor, as Python clients register them.
func TestBuiltInDescriptors(t *testing.T) {
	t.Parallel()
	text := encoded(t, parse(t, `syntax = "proto3"; import "google/protobuf/timestamp.proto"; import "confluent/types/decimal.proto"; message M { google.protobuf.Timestamp at = 1; confluent.type.Decimal d = 2; }`))
	form{`{"at": "1970-01-01T00:00:01Z", "d": {}}`, "\x0a\x02\x08\x01\x12\x00"}.check(t, messageOf(t, text))
	form{`{"at": "1970-01-01T00:00:01Z", "d": {}}`, "\x0a\x02\x08\x01\x12\x00"}.check(t, messageOf(t, text+"\n"))
}

func TestSchemasThatAreWrong(t *testing.T) {
	t.Parallel()
	b64 := func(file *descriptorpb.FileDescriptorProto) string {
		data, err := proto.Marshal(file)
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(data)
	}
	for want, text := range map[string]string{
		`schema.proto:1:28: syntax error: unexpected '{'`:                                                      `syntax = "proto3"; message {}`,
		`schema.proto:1:22: field M.x: unknown type Nothing`:                                                   `message M { optional Nothing x = 1; }`,
		`the file imports "missing.proto", which is neither among the references nor built in`:                 `syntax = "proto3"; import "missing.proto";`,
		`the file imports "google/protobuf/nothing.proto", which is neither among the references nor built in`: `import "google/protobuf/nothing.proto";`,
		`the file imports "/etc/passwd", which is neither among the references nor built in`:                   `import "/etc/passwd";`,
		`the file imports "schema.proto", which is neither among the references nor built in`:                  `import "schema.proto";`,
		`the fields a_b and aB of M are both "aB" in JSON: give one of them another json_name`:                 `message M { optional int32 a_b = 1; optional int32 aB = 2; }`,
		`neither .proto text nor a FileDescriptorProto in base64: byte 0: a wire type that does not exist`:     `nonsense`,
		`neither .proto text nor a FileDescriptorProto in base64: byte 1: the payload ends too early`:          base64.StdEncoding.EncodeToString([]byte("\xff")),
		`neither .proto text nor a FileDescriptorProto in base64: byte 2: name: not valid UTF-8`:               base64.StdEncoding.EncodeToString([]byte("\x0a\x01\xff")),
		`neither .proto text nor a FileDescriptorProto in base64: illegal base64 data at input byte 4`:         `message`,
		`invalid syntax: "proto9"`: b64(&descriptorpb.FileDescriptorProto{Syntax: proto.String("proto9")}),
	} {
		_, err := Parse(text, nil, Limits{})
		var schema *SchemaError
		require.ErrorAs(t, err, &schema, text)
		require.Contains(t, err.Error(), "protobuf schema: ")
		require.Contains(t, err.Error(), want)
	}
	_, err := Parse(`import "a.proto";`, []Reference{{"b.proto", `message M {}`}, {"a.proto", `import "b.proto"; message N { optional Q m = 1; }`}}, Limits{})
	require.ErrorContains(t, err, `protobuf schema: reference "a.proto": a.proto:1:`)
	_, err = Parse(`import "a.proto";`, []Reference{{"a.proto", `import "b.proto";`}, {"b.proto", ``}}, Limits{})
	require.EqualError(t, err, `protobuf schema: reference "a.proto": the file imports "b.proto", which is neither among the references nor built in`)
	_, err = Parse(``, []Reference{{"a.proto", ``}, {"a.proto", `message M {}`}}, Limits{})
	require.EqualError(t, err, `protobuf schema: reference "a.proto": another reference has the same name and another text`)
	_, err = Parse(``, []Reference{{"", ``}}, Limits{})
	require.ErrorIs(t, err, ErrLimit)
}

// TestNamesOfOthers declares types that have a JSON form of their own with other fields.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	const fake = `syntax = "proto3"; package google.protobuf; message Timestamp { string text = 1; }`
	_, err := Parse(fake, nil, Limits{})
	require.ErrorContains(t, err, "google.protobuf.Timestamp")
	_, err = Parse(`import "fake.proto";`, []Reference{{"fake.proto", fake}}, Limits{})
	require.ErrorContains(t, err, "google.protobuf.Timestamp")
	// A copy is what it is a copy of: as the schema, because a record may be nothing but a Timestamp, and as a reference.
	copied := `syntax = "proto3"; package google.protobuf; message Timestamp { int64 seconds = 1; int32 nanos = 2; }`
	for _, text := range []string{copied, encoded(t, parse(t, copied))} {
		form{`"1970-01-01T00:00:01Z"`, "\x08\x01"}.check(t, messageOf(t, text))
		form{`{"at": "1970-01-01T00:00:01Z"}`, "\x0a\x02\x08\x01"}.check(t, messageOf(t, `import "copy.proto"; message M { optional google.protobuf.Timestamp at = 1; }`, Reference{"copy.proto", text}))
	}
	// A schema that has the name which schemas get here.
	m := messageOf(t, `import "schema.proto"; message M { optional N n = 1; }`, Reference{"schema.proto", `message N {}`})
	require.Equal(t, "M", m.Name())
}

// TestHostileSchemas has what would take the compiler's stack, memory or time.
func TestHostileSchemas(t *testing.T) {
	t.Parallel()
	for name, c := range hostileSchemas() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := Parse(c.text, c.references, c.limits)
			require.Less(t, time.Since(start), time.Minute, "a tenth of a second, on a machine that is not busy")
			if c.limit {
				require.ErrorIs(t, err, ErrLimit)
				require.Less(t, len(err.Error()), 3000)
			}
			if err != nil {
				var schema *SchemaError
				require.ErrorAs(t, err, &schema)
			}
			t.Logf("%v: %.200v", time.Since(start), err)
		})
	}
}

type hostileSchema struct {
	text       string
	references []Reference
	limits     Limits
	limit      bool // it must be refused for a limit
}

// fan is a chain of pairs of files, both of which import both of the pair before.
func fan(depth int, way string) []Reference {
	var references []Reference
	for i := range depth {
		text := `syntax = "proto3";`
		if i > 0 {
			text += fmt.Sprintf(`import %s "l%d.proto"; import %s "r%d.proto";`, way, i-1, way, i-1)
		}
		for _, side := range []string{"l", "r"} {
			references = append(references, Reference{fmt.Sprintf("%s%d.proto", side, i), text})
		}
	}
	return references
}

func hostileSchemas() map[string]hostileSchema {
	long := strings.Repeat("n", 900)
	return map[string]hostileSchema{
		"text over the limit":         {text: strings.Repeat(" ", 2<<20), limit: true},
		"messages in messages":        {text: strings.Repeat("message M{", 90_000) + strings.Repeat("}", 90_000), limit: true},
		"groups in groups":            {text: "message M{" + strings.Repeat("optional group G=1{", 30_000) + strings.Repeat("}", 30_000) + "}", limit: true},
		"brackets in options":         {text: `option x = ` + strings.Repeat("{a:", 100_000), limit: true},
		"angle brackets":              {text: `option x = {` + strings.Repeat("a<", 100_000), limit: true},
		"lists in options":            {text: `option x = {a:` + strings.Repeat("[", 100_000), limit: true},
		"brackets behind a comment":   {text: "/* { */ // {\n'{' \"{\\\"{\" " + strings.Repeat("{", 100_000), limit: true},
		"brackets that close first":   {text: strings.Repeat("}", 1000) + strings.Repeat("{", 1000), limit: true},
		"a long name":                 {text: "message " + strings.Repeat("n", 1<<19) + " {}", limit: true},
		"a package of many parts":     {text: "package a" + strings.Repeat(".a", 1<<18) + ";", limit: true},
		"long names in long names":    {text: "message " + long + "{message " + long + "{} }", limit: true},
		"many fields":                 {text: "message M {" + repeat(6_000, "optional int32 f%d=%d;") + "}", limits: Limits{SchemaElements: 5_000}, limit: true},
		"many enum values":            {text: "enum E {" + repeat(6_000, "v%d=%d;") + "}", limits: Limits{SchemaElements: 5_000}, limit: true},
		"many empty references":       {references: many(60_000), limit: true},
		"public imports that fan out": {text: `import "l39.proto";`, references: fan(40, "public"), limit: true},
		"imports that fan out":        {text: `import "l39.proto";`, references: fan(40, "")},
		"very many fields":            {text: "message M {" + repeat(4_000, "optional int32 f%d=%d;") + "}"},
		"very many values":            {text: "enum E {" + repeat(4_000, "v%d=%d;") + "}"},
		"very many messages":          {text: repeat(4_000, "message M%d{}//%d\n")},
		"very many ranges":            {text: "message M { reserved 0 to 0" + strings.Repeat(",1 to 2", 4_000) + "; }"},
		"very many oneofs":            {text: "message M {" + repeat(2_000, "oneof o%d{int32 f%[1]d=%d;}") + "}"},
		"nested as deep as allowed":   {text: repeat(30, "message M%d{//%d\n") + strings.Repeat("}", 30)},
		"a long string of strings":    {text: `option java_package = ` + strings.Repeat(`"a"`, 30_000) + ";"},
		"a large number":              {text: "enum E { A = " + strings.Repeat("9", 900) + "; }"},
		"a zero byte":                 {text: "message M {\x00}"},
		"comments without an end":     {text: strings.Repeat("/*", 1<<18)},
		"one slash":                   {text: "/"},
		"one quote":                   {text: `"`},
		"a byte order mark":           {text: "\uFEFFmessage M {}"},
		"not UTF-8":                   {text: "message M {} // \xff"},
		"semicolons":                  {text: strings.Repeat(";", 1<<15)},
		"default values":              {text: "message M {" + repeat(1_000, "optional bytes f%d=%d[default='\\377'];") + "}"},
		"dots":                        {text: "message M { optional ........ x = 1; }"},
		"options of many parts":       {text: "option " + strings.Repeat("(a).", 5_000) + "b = 1;"},
	}
}

func repeat(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i+1)
	}
	return b.String()
}

func many(n int) []Reference {
	var references []Reference
	for i := range n {
		references = append(references, Reference{Name: fmt.Sprint(i)})
	}
	return references
}

// TestHostileDescriptors has descriptors that no compiler would write.
func TestHostileDescriptors(t *testing.T) {
	t.Parallel()
	deep := &descriptorpb.DescriptorProto{Name: proto.String("M")}
	for range 1000 {
		deep = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{deep}}
	}
	field := func(f *descriptorpb.FieldDescriptorProto) *descriptorpb.FileDescriptorProto {
		f.Name, f.Number = proto.String("f"), proto.Int32(1)
		return &descriptorpb.FileDescriptorProto{MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M"), Field: []*descriptorpb.FieldDescriptorProto{f}}}}
	}
	for name, file := range map[string]*descriptorpb.FileDescriptorProto{
		"nested":             {MessageType: []*descriptorpb.DescriptorProto{deep}},
		"no names":           {MessageType: []*descriptorpb.DescriptorProto{{}}},
		"no type":            field(&descriptorpb.FieldDescriptorProto{}),
		"an unknown type":    field(&descriptorpb.FieldDescriptorProto{Type: descriptorpb.FieldDescriptorProto_Type(99).Enum()}),
		"an oneof not there": field(&descriptorpb.FieldDescriptorProto{OneofIndex: proto.Int32(7), Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum()}),
		"a negative oneof":   field(&descriptorpb.FieldDescriptorProto{OneofIndex: proto.Int32(-1), Type: descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum()}),
		"a type not there":   field(&descriptorpb.FieldDescriptorProto{TypeName: proto.String(".x"), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()}),
		"a public import":    {PublicDependency: []int32{5}},
		"imports twice":      {Dependency: []string{"google/protobuf/any.proto", "google/protobuf/any.proto"}},
		"imports itself":     {Dependency: []string{"schema.proto"}},
		"a message set":      {MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M"), Options: &descriptorpb.MessageOptions{MessageSetWireFormat: proto.Bool(true)}}}},
		"an early edition":   {Syntax: proto.String("editions"), Edition: descriptorpb.Edition_EDITION_LEGACY.Enum()},
		"a late edition":     {Syntax: proto.String("editions"), Edition: descriptorpb.Edition_EDITION_MAX.Enum()},
		"a map entry alone":  {MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := proto.Marshal(file)
			require.NoError(t, err)
			s, err := Parse(base64.StdEncoding.EncodeToString(data), nil, Limits{})
			if err == nil {
				_, err = s.Message(nil)
			}
			require.Error(t, err)
			t.Log(err)
		})
	}
}
