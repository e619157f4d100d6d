package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/wire"
)

func TestProtobuf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exchanges := withFiles(t, protobufExchanges())
	w.fromPython(exchanges)
	w.toPython(exchanges)
}

// protobufFile is where dev/interop/proto has a message.
func protobufFile(message string) string {
	for _, at := range []struct{ prefix, file string }{
		{"common.Money", "common/money.proto"},
		{"shop.Scalars", "shop/scalars.proto"},
		{"shop.Tree", "shop/tree.proto"},
		{"shop.Priced", "shop/priced.proto"},
		{"shop.", "shop/order.proto"},
		{"legacy.", "legacy/account.proto"},
	} {
		if strings.HasPrefix(message, at.prefix) {
			return at.file
		}
	}
	return ""
}

var imported = regexp.MustCompile(`(?m)^import "([^"]+)";`)

// protobufText reads a file and what it imports.
func protobufText(t *testing.T, file string) (text string, references []reference) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "dev", "interop", "proto", filepath.FromSlash(file)))
	require.NoError(t, err)
	for _, match := range imported.FindAllStringSubmatch(string(content), -1) {
		if !strings.HasPrefix(match[1], "google/") && !strings.HasPrefix(match[1], "confluent/") {
			r := reference{name: match[1]}
			r.text, r.references = protobufText(t, r.name)
			references = append(references, r)
		}
	}
	return string(content), references
}

// withFiles gives exchanges the text of the file that their message is in.
func withFiles(t *testing.T, exchanges []exchange) []exchange {
	t.Helper()
	for i := range exchanges {
		x := &exchanges[i]
		x.format = formatProtobuf
		x.schema, x.references = protobufText(t, protobufFile(x.message))
	}
	return exchanges
}

func protobufExchanges() []exchange {
	return slices.Concat(protobufScalars(), protobufMessages(), protobufKnown(), protobufOld())
}

func protobufScalars() []exchange {
	return []exchange{
		{
			name: "extremes", message: "shop.Scalars",
			python: `[
				{"int32Value": -2147483648, "int64Value": "-9223372036854775808", "uint32Value": 4294967295, "uint64Value": "18446744073709551615",
				 "sint32Value": -2147483648, "sint64Value": "-9223372036854775808", "fixed32Value": 4294967295, "fixed64Value": "18446744073709551615",
				 "sfixed32Value": -2147483648, "sfixed64Value": "-9223372036854775808", "boolValue": true, "stringValue": "żółć 🎭", "bytesValue": "AP/+",
				 "many": ["0", "1", "18446744073709551615"], "@other": "x"},
				{"int32Value": 2147483647, "int64Value": "9223372036854775807", "sint64Value": "9007199254740993"}]`,
		},
		{
			name: "floats", message: "shop.Scalars",
			python: `[{"doubleValue": 0.1, "floatValue": 0.1}, {"doubleValue": 1.7976931348623157e+308, "floatValue": 1.1754944e-38},
				{"doubleValue": "NaN", "floatValue": "NaN"}, {"doubleValue": "Infinity", "floatValue": "-Infinity"}, {"doubleValue": -2.5, "floatValue": 1.5}]`,
		},
		{
			// Python takes the shortest text of the largest float for one that is too large.
			name: "largest float", message: "shop.Scalars",
			python: `[{"floatValue": 3.4028234663852886e+38}]`, generic: `[{"floatValue": 3.4028235e+38}]`, back: `[{"floatValue": 3.4028235e+38}]`,
		},
		{
			name: "whole floats", message: "shop.Scalars",
			python: `[{"doubleValue": 2.0, "floatValue": -3.0}]`, generic: `[{"doubleValue": 2, "floatValue": -3}]`,
		},
		{name: "nothing set", message: "shop.Scalars", python: `[{}]`},
		{name: "tombstones", message: "shop.Scalars", python: `[{"boolValue": true}, null, {}]`},
		{name: "key", message: "shop.Scalars", side: sideKey, python: `[{"stringValue": "k"}]`},
	}
}

func protobufMessages() []exchange {
	return []exchange{
		{
			name: "order", message: "shop.Order",
			python: `[{"orderId": "1", "state": "STATE_PAID", "lines": [{"productId": "a", "pieces": 2, "discount": {"percent": 12.5}}, {}],
				"stock": {"a": "9223372036854775807", "": "-1"}, "byNumber": {"-1": {"pieces": 1}, "2147483647": {}}, "flags": {"true": "yes", "false": "no"},
				"address": {"street": "Ring"}, "deltas": [-1, 0, 2147483647], "history": ["STATE_PAID", "STATE_UNSPECIFIED", "STATE_LOST"]}]`,
		},
		{
			name: "oneof, with an imported message", message: "shop.Order",
			python: `[{"card": ""}, {"cash": {"units": "-9223372036854775808", "currency": {"code": "EUR", "digits": 2}}}, {"cash": {}}, {"free": false}, {}]`,
		},
		{name: "optional that is set to nothing", message: "shop.Order", python: `[{"rating": 0, "note": ""}, {"rating": -1}, {}]`},
		{name: "enum without a name", message: "shop.Order", python: `[{"state": 5, "history": [5, "STATE_PAID"]}, {"state": "STATE_LOST"}]`},
		{name: "second message", message: "shop.Refund", python: `[{"orderId": "1", "reason": {"text": "late"}}]`},
		{name: "message in the second message", message: "shop.Refund.Reason", python: `[{"text": "late"}]`},
		{name: "nested message", message: "shop.Order.Line", python: `[{"productId": "a", "discount": {}}]`},
		{name: "deeply nested message", message: "shop.Order.Line.Discount", python: `[{"percent": 0.5}]`},
		{name: "second nested message", message: "shop.Order.Address", python: `[{"street": "Ring"}]`},
		{name: "nested message behind maps", message: "shop.Order.Late", python: `[{"text": "x"}]`},
		{name: "tree", message: "shop.Tree", python: `[{"name": "a", "branches": [{"name": "b", "branches": [{}]}, {}]}]`},
		{name: "file that imports", message: "common.Money", python: `[{"units": "5", "currency": {"code": "PLN"}}]`},
	}
}

func protobufKnown() []exchange {
	return []exchange{
		{
			name: "times", message: "shop.Known",
			python: `[{"at": "2024-02-29T13:37:00.123456789Z", "took": "1.500s"}, {"at": "0001-01-01T00:00:00Z", "took": "-315576000000s"},
				{"at": "9999-12-31T23:59:59.999999999Z", "took": "0.000000001s"}, {"at": "1969-12-31T23:59:59.500Z", "took": "0s"}]`,
		},
		{
			name: "struct, value and list", message: "shop.Known",
			python: `[{"struct": {"a": null, "b": [1.5, "x", {"c": true}], "d": {}}, "value": null, "list": [false, null, 0.5]}, {"value": "x"}, {"value": {"a": []}}]`,
		},
		{
			name: "wrappers", message: "shop.Known",
			python: `[{"int64": "-9223372036854775808", "uint64": "18446744073709551615", "int32": 0, "uint32": 4294967295, "double": 0.1,
				"float": 0.1, "bool": false, "string": "", "bytes": "AAE="}, {}]`,
		},
		{
			name: "any", message: "shop.Known",
			python: `[{"any": {"@type": "type.googleapis.com/shop.Refund", "orderId": "1"},
				"anys": [{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}, {"@type": "type.googleapis.com/common.Money", "units": "5"},
					{"@type": "type.googleapis.com/google.protobuf.Int64Value", "value": "7"}]}]`,
		},
		{
			name: "types that no schema refers to", message: "shop.Priced",
			python: `[{"price": {"currencyCode": "EUR", "units": "-5", "nanos": -500000000}, "since": {"year": 2024, "month": 2, "day": 29},
				"exact": {"value": "MDk=", "precision": 9, "scale": 2}, "more": {"metadata": "AQAA", "value": "AA=="}}]`,
		},
		{
			name: "types that are referred to nevertheless", message: "shop.Known", config: map[string]any{"skip.known.types": false},
			python: `[{"at": "2024-02-29T13:37:00Z", "int64": "5"}]`,
		},
		{
			name: "any that is empty", message: "shop.Known",
			python: `[{"any": {"@type": "type.googleapis.com/google.protobuf.Empty"}}]`,
		},
		{name: "mask and empty", message: "shop.Known", python: `[{"mask": "orderId,lines.productId", "empty": {}}]`},
	}
}

func protobufOld() []exchange {
	return []exchange{
		{
			name: "proto2", message: "legacy.Account",
			python: `[{"id": "1"}, {"id": "", "balance": "0", "kind": "PRIVATE", "packed": [1, -1], "loose": [2, -2], "owner": {"name": "Ann"}, "token": ""}]`,
		},
	}
}

// Python reads by the registry only what is there as a descriptor, which is how Python registers it.
func TestProtobufByTheDescriptorsOfPython(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, message := range []string{"shop.Order", "shop.Order.Line", "shop.Refund.Reason"} {
		topic := w.name + "." + message
		w.topics(topic)
		task := job{Topic: topic, Format: formatProtobuf, Registry: w.url, Message: message, Values: []json.RawMessage{json.RawMessage(`{}`)}}
		require.Empty(t, python.produce(t, []job{task})[0].Error)

		writer, err := w.writer(formatProtobuf, codec.Writing{Message: message})
		require.NoError(t, err)
		encoded, err := writer.Encode(t.Context(), codec.Target{Topic: topic, Side: wire.Value}, map[string]any{})
		require.NoError(t, err)
		w.produce(topic, sideValue, encoded)
		records := w.read(map[string]int{topic: 2})[topic]
		require.Equal(t, records[0].Value, records[1].Value)
		task.Values, task.Count = nil, 2
		result := python.consume(t, []job{task})[0]
		require.Empty(t, result.Error)
		requireSameText(t, []byte(`{}`), result.Values[1])
		compared.add("protobuf, by Python's descriptors", toPython, 1)
	}
}
