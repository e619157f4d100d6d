package interop

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// guidExchanges tell the schema in a header. Python's reader of Avro wants 6 bytes, where the schema is not in front of them,
// too.
func guidExchanges(t *testing.T) []exchange {
	t.Helper()
	messages := withFiles(t, []exchange{
		{name: "first message", message: "shop.Order", python: `[{"orderId": "1", "cash": {"units": "5"}}, null, {}]`},
		{name: "second message", message: "shop.Refund", python: `[{"orderId": "1"}]`},
		{name: "message in the second", message: "shop.Refund.Reason", python: `[{"text": "late"}]`},
		{name: "key", message: "shop.Tree", side: sideKey, python: `[{"name": "a"}]`},
	})
	documents := as(formatJSON, []exchange{
		{name: "object", schema: `{` + draft07 + `, "type": "object"}`, python: `[{"a": 1}, null]`},
		{name: "key", side: sideKey, schema: `{` + draft202012 + `, "type": "string"}`, python: `["k"]`},
	})
	all := as(formatAvro, []exchange{
		{
			name: "record", schema: `{"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]}`,
			python: `[{"text": "long enough"}, null]`,
		},
		{
			name: "record, as key", side: sideKey,
			schema: `{"type": "record", "name": "K", "fields": [{"name": "text", "type": "string"}]}`,
			python: `[{"text": "long enough"}]`,
		},
		{name: "bytes", schema: `"bytes"`, python: `[{"$bytes": "AAECAwQFBgcICQ=="}]`, generic: `["AAECAwQFBgcICQ=="]`},
		{
			name: "references", schema: `{"type": "record", "name": "P", "fields": [{"name": "text", "type": "string"}, {"name": "home", "type": "geo.Address"}]}`,
			references: []reference{{
				name: "geo.Address", text: `{"type": "record", "name": "Address", "namespace": "geo", "fields": [{"name": "street", "type": "string"}]}`,
			}},
			python: `[{"text": "long enough", "home": {"street": "Ring"}}]`,
		},
	})
	all = slices.Concat(all, messages, documents)
	for i := range all {
		all[i].form = wire.Header
		all[i].name = all[i].format + " " + all[i].name
	}
	return all
}

func TestGUIDHeaders(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	exchanges := guidExchanges(t)
	w.fromPython(exchanges)
	w.toPython(exchanges)

	// That they are there, and the same.
	topics := append(w.topicsOf(exchanges, toTroupe), w.topicsOf(exchanges, toPython)...)
	counts := make(map[string]int)
	for _, topic := range topics {
		counts[topic] = 1
	}
	records := w.read(counts)
	for i := range exchanges {
		side := exchanges[i].where()
		theirs, ours := records[topics[i]][0], records[topics[len(exchanges)+i]][0]
		for _, r := range []*stream.Record{theirs, ours} {
			require.Len(t, r.Headers, 1)
			require.Equal(t, side.Header(), r.Headers[0].Key)
		}
		// The GUIDs differ where Python has registered another text of the same schema; the indexes do not.
		const withGUID = 1 + 16
		require.Equal(t, theirs.Headers[0].Value[withGUID:], ours.Headers[0].Value[withGUID:])
		require.Equal(t, partOf(theirs, side).Data, partOf(ours, side).Data)
	}
}
