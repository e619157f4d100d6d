package cli

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/avro"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/examples"
	"github.com/troupe-go/troupe/stream"
)

func TestDemoAddsUpInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range schemaFormats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			code, report, stderr := runDemo(t, func(*demoFindings) {}, "--seed", "7", "--format", format)
			require.Equal(t, exitDone, code, "%s %v", stderr, report.Faults)
			require.Equal(t, format, report.Format)
			require.Equal(t, int64(970), report.Enriched)
			require.Equal(t, int64(20), report.Filtered)
			require.Equal(t, map[string]int64{"decode": 5, "permanent": 5}, report.DeadLettered)
			require.Equal(t, int64(10), report.RetriedRecords)
		})
	}
}

func TestDemoNoticesAResultThatCannotBeRead(t *testing.T) {
	t.Parallel()
	code, report, _ := runDemo(t, func(found *demoFindings) {
		for _, all := range found.enriched {
			all[0].Value = all[0].Value[:len(all[0].Value)-1]
			return
		}
	}, "--format", "avro")
	require.Equal(t, exitFailed, code)
	require.Equal(t, 1, report.FaultCount)
	require.Contains(t, report.Faults[0], "decode avro with schema id ")
}

// What the demo itself cannot see: that another library reads its Avro alike.
func TestDemoWritesAvroThatAnotherLibraryReads(t *testing.T) {
	t.Parallel()
	parsed := func(file string) *avro.Schema {
		text, err := examples.Files().ReadFile("avro/" + file)
		require.NoError(t, err)
		schema, err := avro.Parse(string(text))
		require.NoError(t, err)
		return schema
	}
	placed, enriched := parsed("order.avsc"), parsed("enriched.avsc")
	orders := make(map[string]order)
	for _, o := range makeOrders(1000, 7) {
		orders[o.id] = o
	}
	fields := func(schema *avro.Schema, r *stream.Record) (o order, out map[string]any, err error) {
		id, _ := r.Header(traceHeader)
		if len(r.Value) < 6 || r.Value[0] != 0 {
			return orders[string(id)], nil, fmt.Errorf("no frame: % x", r.Value)
		}
		rest, err := schema.Decode(r.Value[5:], &out)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%d bytes are left", len(rest))
		}
		return orders[string(id)], out, err
	}
	code, report, stderr := runDemo(t, func(found *demoFindings) {
		each(found.inputs, func(r *stream.Record) {
			o, out, err := fields(placed, r)
			require.Equal(t, o.kind == brokenOrder, err != nil, "%s: %v", o.id, err)
			if err != nil {
				return
			}
			want := map[string]any{"amount": nil}
			require.NoError(t, json.Unmarshal([]byte(o.document), &want))
			if want["amount"] != nil {
				amount, isDecimal := out["amount"].(*big.Rat)
				require.True(t, isDecimal, "%T", out["amount"])
				require.Zero(t, amount.Cmp(big.NewRat(o.cents, 100)))
				delete(want, "amount")
				delete(out, "amount")
			}
			require.Equal(t, want, out)
		})
		each(found.enriched, func(r *stream.Record) {
			o, out, err := fields(enriched, r)
			require.NoError(t, err)
			require.Equal(t, map[string]any{"order_id": o.id, "customer": string(o.key), "total_cents": o.cents}, out)
		})
	}, "--seed", "7", "--format", "avro")
	require.Equal(t, exitDone, code, "%s %v", stderr, report.Faults)
}

func TestBrokenOrdersAreUnreadableInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range schemaFormats() {
		c := newCluster(t)
		orders := makeOrders(8_000, 5)
		demo, err := newDemoCodec(format, c.broker.RegistryURL())
		require.NoError(t, err)
		defer demo.close()
		require.NoError(t, demo.write(t.Context(), orders))
		ways := make(map[damage]int)
		for i := range orders {
			o := &orders[i]
			record := stream.Record{Topic: o.topic, Value: o.value}
			fault := demo.decoder.Check(t.Context(), codec.ValueOf(&record))
			require.Equal(t, o.kind == brokenOrder, fault != nil, "%s %s: %v", format, o.id, fault)
			if fault != nil {
				ways[o.damage]++
			}
		}
		require.Len(t, ways, damages)
	}
}
