package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

const salesProto = `syntax = "proto3";
package shop;
message Customer { string name = 1; }
message Sale { int64 id = 1; message Line { int32 pieces = 1; } }
`

func TestProduceWritesTheMessageThatIsNamed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	schema := written(t, "sale.proto", salesProto)
	args := []string{"--format", "protobuf", "--schema", schema, "--register", "--partition", "0"}

	r := c.produce(`{"name": "ada"}`, args...)
	require.Equal(t, result{0, "1 record acknowledged\n", ""}, r)
	r = c.produce(`{"id": "9007199254740993"}`, append(args, "--message", "shop.Sale")...)
	require.Equal(t, result{0, "1 record acknowledged\n", ""}, r)
	r = c.produce(`{"pieces": 7}`, append(args, "--message", "shop.Sale.Line")...)
	require.Equal(t, result{0, "1 record acknowledged\n", ""}, r)

	id, _ := c.registered("orders-value")
	name := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "ada")
	number := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 9007199254740993)
	pieces := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)
	records := c.records()
	require.Len(t, records, 3)
	for i, want := range [][]byte{
		append([]byte{0}, name...),         // the first message of the file
		append([]byte{2, 2}, number...),    // one index: 1
		append([]byte{4, 2, 0}, pieces...), // two indexes: 1, 0
	} {
		told, body := unframed(t, records[i].Value)
		require.Equal(t, id, told)
		require.Equal(t, want, body)
	}

	r = c.produce(`{}`, append(args, "--message", "shop.Nothing")...)
	require.Equal(t, 2, r.code, r.stderr)
	require.Contains(t, r.stderr, "--schema "+schema+": ")
	require.Contains(t, r.stderr, "shop.Nothing")
	r = c.produce(`{"id": 1}`, args...)
	require.Equal(t, 1, r.code, r.stderr)
	require.Contains(t, r.stderr, "line 1: encode protobuf with schema id ")
}

func TestProduceChecksDocumentsAgainstTheirSchema(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	schema := written(t, "sale.json", `{"title": "Sale", "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}`)

	r := c.produce(`{"id": 9007199254740993, "more": 1.10}`+"\n"+`{"id": "x"}`+"\n"+`{}`, "--format", "jsonschema", "--schema", schema, "--register")

	require.Equal(t, 1, r.code)
	require.Equal(t, "1 record acknowledged\n", r.stdout)
	require.Contains(t, r.stderr, "line 2: encode jsonschema with schema id 1: ")
	require.Contains(t, r.stderr, "line 3: encode jsonschema with schema id 1: ")
	require.Contains(t, r.stderr, "troupe: 2 lines not written\n")
	_, body := unframed(t, c.records()[0].Value)
	require.Equal(t, `{"id":9007199254740993,"more":1.10}`, string(body))

	r = c.produce(`{}`, "--format", "jsonschema", "--schema", written(t, "not.json", `{"type": 7}`), "--register")
	require.Equal(t, 2, r.code, r.stderr)
	require.Contains(t, r.stderr, "not.json: ")
}
