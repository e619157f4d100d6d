package interop

import "slices"

const idField = `{"name": "id", "type": "long"}`

func recordOf(fields string) string {
	return `{"type": "record", "name": "R", "namespace": "shop", "fields": [` + fields + `]}`
}

func avroEvolutions() []evolution {
	return slices.Concat(evolvedFields(), evolvedTypes(), evolvedNames(), evolvedUnions())
}

func evolvedFields() []evolution {
	const note = `{"name": "note", "type": "string", "default": "none"}`
	return []evolution{
		{
			name: "field added, old to new", writer: recordOf(idField), reader: recordOf(idField + `,` + note),
			python: `[{"id": 1}]`, readPython: `[{"id": 1, "note": "none"}]`,
		},
		{
			name: "field added, new to old", writer: recordOf(idField + `,` + note), reader: recordOf(idField),
			python: `[{"id": 1, "note": "x"}]`, readPython: `[{"id": 1}]`,
		},
		{
			name: "fields that are left out", reader: recordOf(idField),
			writer: recordOf(`{"name": "list", "type": {"type": "array", "items": {"type": "map", "values": "string"}}},
				{"name": "text", "type": ["null", "string"]}, {"name": "data", "type": "bytes"},
				{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}, ` + idField),
			python:     `[{"list": [{"a": "b"}, {}], "text": "x", "data": {"$bytes": "AAE="}, "at": 5, "id": 7}]`,
			generic:    `[{"list": [{"a": "b"}, {}], "text": "x", "data": "AAE=", "at": 5, "id": 7}]`,
			readPython: `[{"id": 7}]`,
		},
		{
			name: "another order", writer: recordOf(idField + `,` + note), reader: recordOf(note + `,` + idField),
			python: `[{"id": 1, "note": "x"}]`,
		},
		{
			name: "defaults of every type", writer: recordOf(idField),
			reader: recordOf(idField + `, {"name": "flag", "type": "boolean", "default": true}, {"name": "near", "type": "double", "default": 1.5},
				{"name": "list", "type": {"type": "array", "items": "int"}, "default": [1]},
				{"name": "map", "type": {"type": "map", "values": "string"}, "default": {"a": "b"}},
				{"name": "inner", "type": {"type": "record", "name": "I", "fields": [{"name": "x", "type": "int"}]}, "default": {"x": 1}},
				{"name": "maybe", "type": ["null", "string"], "default": null}, {"name": "text", "type": ["string", "null"], "default": "t"}`),
			python:     `[{"id": 1}]`,
			readPython: `[{"id": 1, "flag": true, "near": 1.5, "list": [1], "map": {"a": "b"}, "inner": {"x": 1}, "maybe": null, "text": "t"}]`,
		},
	}
}

func evolvedTypes() []evolution {
	return []evolution{
		{name: "int as long", writer: `"int"`, reader: `"long"`, python: `[-2147483648]`},
		{
			name: "int as double", writer: `"int"`, reader: `"double"`, python: `[2147483647, 0]`,
			readPython: `[2147483647.0, 0.0]`, readGeneric: `[2147483647, 0]`,
		},
		{
			name: "long as double", writer: `"long"`, reader: `"double"`, python: `[9007199254740992]`,
			readPython: `[9007199254740992.0]`, readGeneric: `[9007199254740992]`,
		},
		{
			name: "float as double", writer: `"float"`, reader: `"double"`, python: `[0.10000000149011612]`, generic: `[0.1]`,
			readGeneric: `[0.10000000149011612]`,
		},
		{
			name: "string as bytes", writer: recordOf(`{"name": "v", "type": "string"}`), reader: recordOf(`{"name": "v", "type": "bytes"}`),
			python: `[{"v": "ä"}]`, readPython: `[{"v": {"$bytes": "w6Q="}}]`, readGeneric: `[{"v": "w6Q="}]`,
		},
		{
			name: "bytes as string", writer: recordOf(`{"name": "v", "type": "bytes"}`), reader: recordOf(`{"name": "v", "type": "string"}`),
			python: `[{"v": {"$bytes": "w6Q="}}]`, generic: `[{"v": "w6Q="}]`, readPython: `[{"v": "ä"}]`,
		},
	}
}

func evolvedNames() []evolution {
	suits := func(symbols string) string {
		return recordOf(`{"name": "suit", "type": {"type": "enum", "name": "Suit", "symbols": [` + symbols + `], "default": "OTHER"}}`)
	}
	return []evolution{
		{
			name: "field under an alias", writer: recordOf(`{"name": "old", "type": "int"}`),
			reader: recordOf(`{"name": "new", "type": "long", "aliases": ["old"]}`),
			python: `[{"old": 1}]`, readPython: `[{"new": 1}]`,
		},
		{
			name: "record under an alias", writer: `{"type": "record", "name": "Old", "namespace": "shop", "fields": [` + idField + `]}`,
			reader: `{"type": "record", "name": "New", "namespace": "shop", "aliases": ["Old"], "fields": [` + idField + `]}`,
			python: `[{"id": 1}]`,
		},
		{
			name: "enum with a symbol that the reader does not know", writer: suits(`"OTHER", "HEARTS", "SPADES"`), reader: suits(`"SPADES", "OTHER"`),
			python: `[{"suit": "HEARTS"}, {"suit": "SPADES"}]`, readPython: `[{"suit": "OTHER"}, {"suit": "SPADES"}]`,
		},
	}
}

func evolvedUnions() []evolution {
	return []evolution{
		{
			name: "value as union", writer: recordOf(`{"name": "v", "type": "int"}`), reader: recordOf(`{"name": "v", "type": ["null", "long", "string"]}`),
			python: `[{"v": 1}]`,
		},
		{
			name: "union as value", writer: recordOf(`{"name": "v", "type": ["null", "int", "long"]}`), reader: recordOf(`{"name": "v", "type": "long"}`),
			python: `[{"v": 1}, {"v": 9223372036854775807}]`,
		},
		{
			name: "union in another order, and wider", writer: recordOf(`{"name": "v", "type": ["null", "int", "string"]}`),
			reader: recordOf(`{"name": "v", "type": ["string", "long", "double", "null"]}`),
			python: `[{"v": 1}, {"v": "x"}, {"v": null}]`,
		},
		{
			name: "in arrays and maps",
			writer: recordOf(`{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "I", "fields": [{"name": "x", "type": "int"}]}}},
				{"name": "m", "type": {"type": "map", "values": "int"}}`),
			reader: recordOf(`{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "I", "fields": [
				{"name": "x", "type": "long"}, {"name": "y", "type": "int", "default": 5}]}}}, {"name": "m", "type": {"type": "map", "values": "long"}}`),
			python: `[{"a": [{"x": 1}, {"x": 2}], "m": {"k": 3}}]`, readPython: `[{"a": [{"x": 1, "y": 5}, {"x": 2, "y": 5}], "m": {"k": 3}}]`,
		},
		{
			name:   "of a list that contains itself",
			writer: `{"type": "record", "name": "N", "fields": [{"name": "v", "type": "int"}, {"name": "next", "type": ["null", "N"]}]}`,
			reader: `{"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}, {"name": "v", "type": "long"},
				{"name": "w", "type": "string", "default": "-"}]}`,
			python:     `[{"v": 1, "next": {"v": 2, "next": null}}]`,
			readPython: `[{"v": 1, "w": "-", "next": {"v": 2, "w": "-", "next": null}}]`,
		},
		{
			// The specification leaves it open. Java, and codec/avro, take the reader's logical type, fastavro the writer's.
			name:   "logical type dropped and gained",
			writer: recordOf(`{"name": "d", "type": {"type": "int", "logicalType": "date"}}, {"name": "n", "type": "int"}`),
			reader: recordOf(`{"name": "d", "type": "int"}, {"name": "n", "type": {"type": "int", "logicalType": "date"}}`),
			python: `[{"d": {"$date": "1970-01-11"}, "n": 10}]`, generic: `[{"d": "1970-01-11", "n": 10}]`,
			readPython: `[{"d": {"$date": "1970-01-11"}, "n": 10}]`, readGeneric: `[{"d": 10, "n": "1970-01-11"}]`,
		},
	}
}
