package interop

import "slices"

// avroExchanges are the types of Avro, one after another. See codec/avro for what the generic values are.
func avroExchanges() []exchange {
	return slices.Concat(avroPrimitives(), avroBytes(), avroDecimals(), avroTimes(), avroOtherLogical(), avroComplex(), avroUnions(), avroReferences())
}

func avroPrimitives() []exchange {
	return []exchange{
		{name: "boolean", schema: `"boolean"`, python: `[true, false]`},
		{name: "int", schema: `"int"`, python: `[0, -1, 64, 2147483647, -2147483648]`},
		{name: "long", schema: `"long"`, python: `[0, -64, 9007199254740993, 9223372036854775807, -9223372036854775808]`},
		{
			name: "float", schema: `"float"`,
			python:  `[0.0, 1.5, -0.10000000149011612, 3.4028234663852886e+38, 1.401298464324817e-45, {"$float": "nan"}, {"$float": "inf"}, {"$float": "-inf"}]`,
			generic: `[0, 1.5, -0.1, 3.4028235e+38, 1e-45, "NaN", "Infinity", "-Infinity"]`,
		},
		{
			name: "double", schema: `"double"`,
			python:  `[0.0, 0.1, -2.5, 1e+300, 5e-324, 1.7976931348623157e+308, {"$float": "nan"}, {"$float": "inf"}, {"$float": "-inf"}]`,
			generic: `[0, 0.1, -2.5, 1e+300, 5e-324, 1.7976931348623157e+308, "NaN", "Infinity", "-Infinity"]`,
		},
		{name: "string", schema: `"string"`, python: `["", "plain", "żółć 漢字 🎭", "a\u0000b\n"]`},
		{name: "string in an object", schema: `{"type": "string", "avro.java.string": "String"}`, python: `["text"]`},
		{
			name: "record of all primitives",
			schema: `{"type": "record", "name": "All", "namespace": "interop", "fields": [
				{"name": "nothing", "type": "null"}, {"name": "flag", "type": "boolean"}, {"name": "small", "type": "int"},
				{"name": "large", "type": "long"}, {"name": "near", "type": "float"}, {"name": "nearer", "type": "double"},
				{"name": "text", "type": "string"}, {"name": "data", "type": "bytes"}]}`,
			python: `[{"nothing": null, "flag": true, "small": -1, "large": -9223372036854775808, "near": 0.5, "nearer": 0.1,
				"text": "x", "data": {"$bytes": "AP/+"}}]`,
			generic: `[{"nothing": null, "flag": true, "small": -1, "large": -9223372036854775808, "near": 0.5, "nearer": 0.1,
				"text": "x", "data": "AP/+"}]`,
		},
		{
			name:   "tombstones",
			schema: `{"type": "record", "name": "Row", "fields": [{"name": "id", "type": "long"}]}`,
			python: `[{"id": 1}, null, {"id": 2}, null]`,
		},
		{name: "key", schema: `{"type": "record", "name": "Id", "fields": [{"name": "id", "type": "long"}]}`, side: sideKey, python: `[{"id": 1}]`},
	}
}

// avroBytes are those at the top, which Confluent's clients write without a length, whatever the logical type, and below.
func avroBytes() []exchange {
	const python, generic = `[{"$bytes": "AAECAwQFBgcICQ=="}, {"$bytes": "/w=="}]`, `["AAECAwQFBgcICQ==", "/w=="]`
	return []exchange{
		{name: "bytes at the top", schema: `"bytes"`, python: python, generic: generic},
		{name: "bytes at the top, in an object", schema: `{"type": "bytes"}`, python: python, generic: generic},
		{
			name: "decimal at the top", schema: `{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}`,
			python: `[{"$bytes": "MDk="}, {"$bytes": "/w=="}]`, generic: `[123.45, -0.01]`,
		},
		{
			name: "bytes at the top, in a union", schema: `["null", "bytes"]`,
			python: `[{"$bytes": "AAECAwQFBgcICQ=="}, {"$bytes": ""}]`, generic: `["AAECAwQFBgcICQ==", ""]`,
		},
		{name: "array of bytes", schema: `{"type": "array", "items": "bytes"}`, python: `[[{"$bytes": ""}, {"$bytes": "AA=="}]]`, generic: `[["", "AA=="]]`},
		{name: "fixed at the top", schema: `{"type": "fixed", "name": "F", "size": 3}`, python: `[{"$bytes": "AAEC"}]`, generic: `["AAEC"]`},
	}
}

func fieldOf(kind string) string {
	return `{"type": "record", "name": "R", "fields": [{"name": "v", "type": ` + kind + `}]}`
}

func logical(kind, name string) string {
	return fieldOf(`{"type": "` + kind + `", "logicalType": "` + name + `"}`)
}

func avroDecimals() []exchange {
	return []exchange{
		{
			name: "decimal of bytes", schema: fieldOf(`{"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}`),
			python: `[{"v": {"$decimal": "0.00"}}, {"v": {"$decimal": "123.45"}}, {"v": {"$decimal": "-1.28"}}, {"v": {"$decimal": "-0.01"}},
				{"v": {"$decimal": "999999999999999999999999999999999999.99"}}]`,
			generic: `[{"v": 0.00}, {"v": 123.45}, {"v": -1.28}, {"v": -0.01}, {"v": 999999999999999999999999999999999999.99}]`,
		},
		{
			name: "decimal of fixed", schema: fieldOf(`{"type": "fixed", "name": "D", "size": 9, "logicalType": "decimal", "precision": 20, "scale": 4}`),
			python: `[{"v": {"$decimal": "0.0000"}}, {"v": {"$decimal": "1234567890123456.7891"}}, {"v": {"$decimal": "-1234567890123456.7891"}},
				{"v": {"$decimal": "-0.0128"}}]`,
			generic: `[{"v": 0.0000}, {"v": 1234567890123456.7891}, {"v": -1234567890123456.7891}, {"v": -0.0128}]`,
		},
		{
			name: "decimal without scale", schema: fieldOf(`{"type": "bytes", "logicalType": "decimal", "precision": 20}`),
			python: `[{"v": {"$decimal": "18446744073709551616"}}]`, generic: `[{"v": 18446744073709551616}]`,
		},
	}
}

func avroTimes() []exchange {
	return []exchange{
		{
			name: "date", schema: logical("int", "date"),
			python:  `[{"v": {"$date": "2024-02-29"}}, {"v": {"$date": "1969-12-31"}}, {"v": {"$date": "0001-01-01"}}, {"v": {"$date": "9999-12-31"}}]`,
			generic: `[{"v": "2024-02-29"}, {"v": "1969-12-31"}, {"v": "0001-01-01"}, {"v": "9999-12-31"}]`,
		},
		{
			name: "time-millis", schema: logical("int", "time-millis"),
			python:  `[{"v": {"$time": "00:00:00"}}, {"v": {"$time": "13:37:00.500000"}}, {"v": {"$time": "23:59:59.999000"}}]`,
			generic: `[{"v": "00:00:00.000"}, {"v": "13:37:00.500"}, {"v": "23:59:59.999"}]`,
		},
		{
			name: "time-micros", schema: logical("long", "time-micros"),
			python: `[{"v": {"$time": "13:37:00.000001"}}, {"v": {"$time": "23:59:59.999999"}}]`, generic: `[{"v": "13:37:00.000001"}, {"v": "23:59:59.999999"}]`,
		},
		{
			name: "timestamp-millis", schema: logical("long", "timestamp-millis"),
			python: `[{"v": {"$datetime": "2024-02-29T13:37:00.123000+00:00"}}, {"v": {"$datetime": "1969-12-31T23:59:59.999000+00:00"}},
				{"v": {"$datetime": "0001-01-01T00:00:00+00:00"}}, {"v": {"$datetime": "9999-12-31T23:59:59.999000+00:00"}}]`,
			generic: `[{"v": "2024-02-29T13:37:00.123Z"}, {"v": "1969-12-31T23:59:59.999Z"}, {"v": "0001-01-01T00:00:00.000Z"}, {"v": "9999-12-31T23:59:59.999Z"}]`,
		},
		{
			name: "timestamp with a zone", schema: logical("long", "timestamp-micros"),
			python: `[{"v": {"$datetime": "2024-02-29T13:37:00.123456+02:00"}}]`, generic: `[{"v": "2024-02-29T11:37:00.123456Z"}]`,
			back: `[{"v": {"$datetime": "2024-02-29T11:37:00.123456+00:00"}}]`,
		},
		{
			name: "timestamp-micros", schema: logical("long", "timestamp-micros"),
			python:  `[{"v": {"$datetime": "2024-02-29T13:37:00.123456+00:00"}}, {"v": {"$datetime": "1900-01-01T00:00:00.000001+00:00"}}]`,
			generic: `[{"v": "2024-02-29T13:37:00.123456Z"}, {"v": "1900-01-01T00:00:00.000001Z"}]`,
		},
		{
			name: "timestamp-nanos", schema: logical("long", "timestamp-nanos"),
			python: `[{"v": 1709213820123456789}]`, generic: `[{"v": "2024-02-29T13:37:00.123456789Z"}]`,
		},
		{
			name: "local-timestamp-millis", schema: logical("long", "local-timestamp-millis"),
			python: `[{"v": {"$datetime": "2024-02-29T13:37:00.123000"}}]`, generic: `[{"v": "2024-02-29T13:37:00.123"}]`,
		},
		{
			name: "local-timestamp-micros", schema: logical("long", "local-timestamp-micros"),
			python: `[{"v": {"$datetime": "1969-07-20T20:17:40.000001"}}]`, generic: `[{"v": "1969-07-20T20:17:40.000001"}]`,
		},
	}
}

func avroOtherLogical() []exchange {
	return []exchange{
		{
			name: "uuid", schema: logical("string", "uuid"),
			python:  `[{"v": {"$uuid": "89791762-2336-4186-9674-299b90a802e2"}}]`,
			generic: `[{"v": "89791762-2336-4186-9674-299b90a802e2"}]`,
		},
		{
			name: "uuid of fixed, which Python has as bytes", schema: fieldOf(`{"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}`),
			python: `[{"v": {"$bytes": "iXkXYiM2QYaWdCmbkKgC4g=="}}]`, generic: `[{"v": "89791762-2336-4186-9674-299b90a802e2"}]`,
		},
		{
			name: "duration, which Python has as bytes", schema: fieldOf(`{"type": "fixed", "name": "U", "size": 12, "logicalType": "duration"}`),
			python: `[{"v": {"$bytes": "AQAAAAIAAAD/////"}}]`, generic: `[{"v": {"months": 1, "days": 2, "milliseconds": 4294967295}}]`,
		},
		{name: "unknown logical type", schema: logical("string", "colour"), python: `[{"v": "red"}]`},
	}
}

func avroComplex() []exchange {
	return []exchange{
		{
			name: "nested records",
			schema: `{"type": "record", "name": "Order", "namespace": "shop", "fields": [
				{"name": "id", "type": "string"},
				{"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [
					{"name": "name", "type": "string"},
					{"name": "address", "type": {"type": "record", "name": "Address", "namespace": "geo", "fields": [
						{"name": "street", "type": "string"}, {"name": "numbers", "type": {"type": "array", "items": "int"}}]}}]}},
				{"name": "billing", "type": "geo.Address"}, {"name": "friends", "type": {"type": "array", "items": "Customer"}}]}`,
			python: `[{"id": "1", "customer": {"name": "Ann", "address": {"street": "Ring", "numbers": [1, 2]}},
				"billing": {"street": "Row", "numbers": []}, "friends": [{"name": "Bob", "address": {"street": "", "numbers": [3]}}]}]`,
		},
		{
			name: "enums",
			schema: `{"type": "record", "name": "R", "fields": [
				{"name": "suit", "type": {"type": "enum", "name": "Suit", "symbols": ["SPADES", "HEARTS"], "default": "HEARTS"}},
				{"name": "other", "type": "Suit", "default": "SPADES"}]}`,
			python: `[{"suit": "SPADES", "other": "HEARTS"}, {"suit": "HEARTS", "other": "SPADES"}]`,
		},
		{name: "enum at the top", schema: `{"type": "enum", "name": "Suit", "symbols": ["SPADES", "HEARTS"]}`, python: `["SPADES", "HEARTS"]`},
		{
			name: "fixed", schema: `{"type": "record", "name": "R", "fields": [{"name": "hash", "type": {"type": "fixed", "name": "MD5", "size": 16}}]}`,
			python: `[{"hash": {"$bytes": "AAECAwQFBgcICQoLDA0ODw=="}}]`, generic: `[{"hash": "AAECAwQFBgcICQoLDA0ODw=="}]`,
		},
		{name: "map", schema: `{"type": "map", "values": "long"}`, python: `[{"a": 1, "ä": -9223372036854775808, "": 0}, {}]`},
		{
			name: "map of records", schema: `{"type": "map", "values": {"type": "record", "name": "P", "fields": [{"name": "x", "type": "double"}]}}`,
			python: `[{"a": {"x": 0.5}, "b": {"x": -1.5}}]`,
		},
		{name: "array", schema: `{"type": "array", "items": "long"}`, python: `[[], [1, -9007199254740993], [0]]`},
		{name: "array of arrays", schema: `{"type": "array", "items": {"type": "array", "items": "string"}}`, python: `[[[], ["a"], ["b", "c"]]]`},
		{
			name: "list that contains itself",
			schema: `{"type": "record", "name": "Node", "namespace": "lists", "fields": [
				{"name": "value", "type": "int"}, {"name": "next", "type": ["null", "Node"]}]}`,
			python: `[{"value": 1, "next": {"value": 2, "next": {"value": 3, "next": null}}}, {"value": 1, "next": null}]`,
		},
		{
			name: "two records that contain each other",
			schema: `{"type": "record", "name": "A", "fields": [{"name": "b", "type": ["null",
				{"type": "record", "name": "B", "fields": [{"name": "a", "type": ["null", "A"]}]}]}]}`,
			python: `[{"b": {"a": {"b": {"a": null}}}}, {"b": null}]`,
		},
		{
			name: "defaults, which the writer fills in",
			schema: `{"type": "record", "name": "R", "fields": [
				{"name": "id", "type": "long"}, {"name": "text", "type": "string", "default": "none"},
				{"name": "list", "type": {"type": "array", "items": "int"}, "default": [1, 2]},
				{"name": "maybe", "type": ["null", "string"], "default": null}]}`,
			python:  `[{"id": 1}]`,
			generic: `[{"id": 1, "text": "none", "list": [1, 2], "maybe": null}]`,
			back:    `[{"id": 1, "text": "none", "list": [1, 2], "maybe": null}]`,
		},
		{
			name: "normalized", config: map[string]any{"normalize.schemas": true},
			schema: `{"fields": [{"type": ["null", {"type": "string"}], "name": "v", "default": null}], "name": "shop.N", "type": "record"}`,
			python: `[{"v": "x"}, {"v": null}]`,
		},
		{
			name: "documentation and properties",
			schema: `{"type": "record", "name": "R", "doc": "a \"row\"", "owner": {"team": "x"}, "fields": [
				{"name": "id", "type": "long", "doc": "the id", "order": "descending", "aliases": ["key"]}]}`,
			python: `[{"id": 1}]`,
		},
	}
}

func avroUnions() []exchange {
	field := func(kind string) string {
		return `{"type": "record", "name": "R", "namespace": "u", "fields": [{"name": "v", "type": ` + kind + `}]}`
	}
	const card = `{"type": "record", "name": "Card", "fields": [{"name": "number", "type": "string"}]}`
	const cash = `{"type": "record", "name": "Cash", "fields": [{"name": "cents", "type": "long"}, {"name": "coins", "type": ["null", "int"], "default": null}]}`
	return []exchange{
		{name: "null and string", schema: field(`["null", "string"]`), python: `[{"v": null}, {"v": ""}, {"v": "x"}]`},
		{name: "string and null", schema: field(`["string", "null"]`), python: `[{"v": "x"}, {"v": null}]`},
		{name: "union at the top", schema: `["string", "long"]`, python: `["x", 9223372036854775807]`},
		{
			name: "several branches", schema: field(`["null", "boolean", "long", "double", "string"]`),
			python: `[{"v": null}, {"v": true}, {"v": -9223372036854775808}, {"v": 0.5}, {"v": "x"}]`,
		},
		{
			name: "array and map", schema: field(`["null", {"type": "array", "items": "string"}, {"type": "map", "values": "int"}]`),
			python: `[{"v": ["a"]}, {"v": {"a": 1}}, {"v": null}, {"v": []}]`,
		},
		{
			name: "array of unions", schema: `{"type": "array", "items": ["null", "long", "string"]}`, python: `[[null, 1, "x"], [null]]`,
		},
		{name: "map of unions", schema: `{"type": "map", "values": ["null", "long", "string"]}`, python: `[{"a": null, "b": 1, "c": "x"}]`},
		{
			name: "records", schema: field(`["null", ` + card + `, ` + cash + `]`), branches: true,
			python: `[{"v": {"$branch": ["u.Card", {"number": "1234"}]}}, {"v": {"$branch": ["u.Cash", {"cents": 5, "coins": 2}]}},
				{"v": {"$branch": ["u.Cash", {"cents": 5, "coins": null}]}}, {"v": null}]`,
			generic: `[{"v": {"number": "1234"}}, {"v": {"cents": 5, "coins": 2}}, {"v": {"cents": 5, "coins": null}}, {"v": null}]`,
		},
		{
			name: "records at the top", schema: `[` + card + `, ` + cash + `]`, branches: true,
			python:  `[{"$branch": ["Cash", {"cents": 5, "coins": null}]}, {"$branch": ["Card", {"number": ""}]}]`,
			generic: `[{"cents": 5, "coins": null}, {"number": ""}]`,
		},
		{
			name: "enum and fixed", schema: field(`["null", {"type": "enum", "name": "E", "symbols": ["A"]}, {"type": "fixed", "name": "F", "size": 2}]`),
			python: `[{"v": "A"}, {"v": {"$bytes": "AAE="}}]`, generic: `[{"v": "A"}, {"v": "AAE="}]`,
		},
		{
			name: "logical types", schema: field(`["null", {"type": "long", "logicalType": "timestamp-millis"}]`),
			python:  `[{"v": {"$datetime": "2024-02-29T13:37:00.123000+00:00"}}, {"v": null}]`,
			generic: `[{"v": "2024-02-29T13:37:00.123Z"}, {"v": null}]`,
		},
		{
			name: "decimal", schema: field(`["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}]`),
			python: `[{"v": {"$decimal": "1.50"}}, {"v": null}]`, generic: `[{"v": 1.50}, {"v": null}]`,
		},
		{
			name: "unions in records in unions", schema: field(`["null", {"type": "array", "items": ["null", ` + cash + `]}]`),
			python: `[{"v": [null, {"cents": 1, "coins": 2}, {"cents": 1, "coins": null}]}, {"v": null}]`,
		},
	}
}

func avroReferences() []exchange {
	currency := reference{name: "shop.Currency", text: `{"type": "enum", "name": "Currency", "namespace": "shop", "symbols": ["EUR", "PLN"]}`}
	money := reference{
		name:       "shop.Money",
		text:       `{"type": "record", "name": "Money", "namespace": "shop", "fields": [{"name": "cents", "type": "long"}, {"name": "currency", "type": "Currency"}]}`,
		references: []reference{currency},
	}
	address := reference{name: "geo.Address", text: `{"type": "record", "name": "Address", "namespace": "geo", "fields": [{"name": "street", "type": "string"}]}`}
	return []exchange{
		{
			name: "reference", references: []reference{address},
			schema: `{"type": "record", "name": "Person", "fields": [{"name": "home", "type": "geo.Address"}, {"name": "work", "type": ["null", "geo.Address"]}]}`,
			python: `[{"home": {"street": "Ring"}, "work": null}, {"home": {"street": "Ring"}, "work": {"street": "Row"}}]`,
		},
		{
			name: "nested references", references: []reference{money, address},
			schema: `{"type": "record", "name": "Order", "namespace": "shop", "fields": [
				{"name": "total", "type": "Money"}, {"name": "to", "type": "geo.Address"}]}`,
			python: `[{"total": {"cents": -9223372036854775808, "currency": "PLN"}, "to": {"street": "Ring"}}]`,
		},
		{
			name: "one reference on two ways", references: []reference{money, currency},
			schema: `{"type": "record", "name": "Order", "namespace": "shop", "fields": [
				{"name": "total", "type": "shop.Money"}, {"name": "shown_in", "type": "shop.Currency"}]}`,
			python: `[{"total": {"cents": 5, "currency": "PLN"}, "shown_in": "EUR"}]`,
		},
	}
}

// avroTrees contain themselves by arrays and maps, at which the real registry overflows its stack.
func avroTrees() []exchange {
	return []exchange{
		{
			name: "tree that contains itself",
			schema: `{"type": "record", "name": "Tree", "fields": [
				{"name": "name", "type": "string"}, {"name": "branches", "type": {"type": "array", "items": "Tree"}},
				{"name": "by_name", "type": {"type": "map", "values": "Tree"}}]}`,
			python: `[{"name": "a", "branches": [{"name": "b", "branches": [], "by_name": {}}], "by_name": {"c": {"name": "c", "branches": [], "by_name": {}}}}]`,
		},
		{
			name:   "tree of arrays",
			schema: `{"type": "record", "name": "Tree", "fields": [{"name": "branches", "type": {"type": "array", "items": "Tree"}}]}`,
			python: `[{"branches": [{"branches": []}, {"branches": [{"branches": []}]}]}]`,
		},
	}
}
