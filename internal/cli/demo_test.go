package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/stream"
)

// runDemo runs a small demo whose findings are changed before they are checked.
func runDemo(t *testing.T, tamper func(*demoFindings), args ...string) (code int, report demoReport, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{env: func(string) (string, bool) { return "", false }, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	cmd := (&demo{app: a, tamper: tamper}).command()
	cmd.SetArgs(append([]string{"--records", "1000", "--output", "json"}, args...))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	a.report(err)
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), "%s%s", out.String(), errs.String())
	return exitCode(err), report, errs.String()
}

func TestDemoAddsUp(t *testing.T) {
	t.Parallel()
	code, report, stderr := runDemo(t, func(*demoFindings) {}, "--seed", "7")

	require.Equal(t, exitDone, code, "%s %v", stderr, report.Faults)
	require.True(t, report.OK)
	require.Empty(t, stderr)
	require.Equal(t, uint64(7), report.Seed)
	require.Equal(t, int64(1000), report.Processed)
	require.Equal(t, int64(970), report.Enriched)
	require.Equal(t, int64(20), report.Filtered)
	require.Equal(t, map[string]int64{"decode": 5, "permanent": 5}, report.DeadLettered)
	require.Equal(t, int64(10), report.RetriedRecords)
	require.Equal(t, int64(20), report.Retries)
	require.Zero(t, report.Lost)
	require.Zero(t, report.Duplicates)
	require.Len(t, report.Partitions, 24)
	require.Equal(t, int64(1000), report.Ledger["done"])
	require.NotNil(t, report.DeadLetter)
	require.Contains(t, report.DeadLetter.Value, `"original_topic"`)
}

func TestDemoFailsWhenARecordIsMissing(t *testing.T) {
	t.Parallel()
	code, report, stderr := runDemo(t, func(found *demoFindings) { dropOne(found.enriched) })

	require.Equal(t, exitFailed, code)
	require.False(t, report.OK)
	require.Equal(t, int64(1), report.Lost)
	require.Contains(t, stderr, "does not add up")
}

func dropOne(records map[stream.Partition][]stream.Record) stream.Record {
	for p, rs := range records {
		if len(rs) > 0 {
			records[p] = rs[1:]
			return rs[0]
		}
	}
	panic("there is no record")
}

// imaginary gives orders and what a faultless run over them would leave behind.
func imaginary(t *testing.T) ([]order, *demoFindings) {
	t.Helper()
	orders := makeOrders(2_000, 3)
	found := &demoFindings{
		inputs:   map[stream.Partition][]stream.Record{},
		enriched: map[stream.Partition][]stream.Record{}, deadLetters: map[stream.Partition][]stream.Record{},
		committed: map[stream.Partition]int64{}, ends: map[stream.Partition]int64{},
	}
	add := func(to map[stream.Partition][]stream.Record, p stream.Partition, r stream.Record) stream.Record {
		r.Topic, r.Partition, r.Offset = p.Topic, p.Number, int64(len(to[p]))
		to[p] = append(to[p], r)
		return r
	}
	for i := range orders {
		o := &orders[i]
		p := stream.Partition{Topic: o.topic, Number: int32(i % 3)}
		in := add(found.inputs, p, stream.Record{Key: o.key, Value: o.value, Headers: o.headers()})
		found.ends[p]++
		found.committed[p]++
		switch o.kind {
		case flakyOrder, soundOrder:
			value := fmt.Sprintf(`{"order_id":%q,"customer":%q,"total_cents":%d}`, o.id, o.key, o.cents)
			add(found.enriched, stream.Partition{Topic: enrichedTopic, Number: int32(i % 2)},
				stream.Record{Key: []byte(o.id), Value: []byte(value), Headers: o.headers()})
			if o.kind == flakyOrder {
				found.retriedOrders++
				found.retried += dependencyFailures
			}
		case brokenOrder, pricelessOrder:
			m, err := deadletter.Build(&in, deadletter.Failure{Reason: o.kind.reason(), Attempts: 1}, deadLetterTopic, deadletter.JSON, "")
			require.NoError(t, err)
			add(found.deadLetters, stream.Partition{Topic: deadLetterTopic}, stream.Record{Key: m.Key, Value: m.Value, Headers: m.Headers})
		case cancelledOrder:
			found.filtered++
		}
	}
	found.ledger.Received = int64(len(orders))
	found.ledger.States[stream.Done] = int64(len(orders))
	return orders, found
}

func TestVerifierHasNothingAgainstAFaultlessRun(t *testing.T) {
	t.Parallel()
	orders, found := imaginary(t)
	verdict := verifyDemo(orders, found)
	require.Zero(t, verdict.faultCount, "%v", verdict.faults)
}

func TestVerifierNoticesEveryKindOfFault(t *testing.T) {
	t.Parallel()
	enriched := stream.Partition{Topic: enrichedTopic}
	dead := stream.Partition{Topic: deadLetterTopic}
	for name, c := range map[string]struct {
		tamper func(*demoFindings)
		says   string
	}{
		"a lost enrichment":    {func(f *demoFindings) { dropOne(f.enriched) }, "is lost"},
		"a lost dead letter":   {func(f *demoFindings) { dropOne(f.deadLetters) }, "is lost"},
		"a lost input":         {func(f *demoFindings) { dropOne(f.inputs) }, "lie in the input topics"},
		"a second enrichment":  {func(f *demoFindings) { f.enriched[enriched] = append(f.enriched[enriched], f.enriched[enriched][0]) }, "is there 2 times"},
		"a second dead letter": {func(f *demoFindings) { f.deadLetters[dead] = append(f.deadLetters[dead], f.deadLetters[dead][0]) }, "is there 2 times"},
		"an enrichment among the dead": {func(f *demoFindings) {
			f.deadLetters[dead] = append(f.deadLetters[dead], dropOne(f.enriched))
		}, "cannot be restored"},
		"a wrong sum": {func(f *demoFindings) {
			r := &f.enriched[enriched][5]
			r.Value = bytes.Replace(r.Value, []byte(`"total_cents":`), []byte(`"total_cents":1`), 1)
		}, "cents and became"},
		"a wrong key":        {func(f *demoFindings) { f.enriched[enriched][5].Key = []byte("x") }, "became key"},
		"a field too many":   {func(f *demoFindings) { addField(&f.enriched[enriched][5]) }, "unknown field"},
		"a lost header":      {func(f *demoFindings) { h := &f.enriched[enriched][5].Headers; *h = (*h)[:1] }, "headers"},
		"swapped order":      {func(f *demoFindings) { swapLater(f.enriched[enriched], f) }, "came after a later one"},
		"a changed payload":  {func(f *demoFindings) { changePayload(t, &f.deadLetters[dead][0]) }, "byte for byte"},
		"a changed dead key": {func(f *demoFindings) { f.deadLetters[dead][0].Key = []byte("x") }, "byte for byte"},
		"a wrong reason": {func(f *demoFindings) {
			r := &f.deadLetters[dead][0]
			r.Value = bytes.Replace(r.Value, []byte(`"reason":"`), []byte(`"reason":"x`), 1)
		}, "for the reason"},
		"offsets behind":       {func(f *demoFindings) { f.committed[firstOf(f.ends)]-- }, "is committed, its end is"},
		"offsets missing":      {func(f *demoFindings) { delete(f.committed, firstOf(f.ends)) }, "-1 is committed"},
		"too few retries":      {func(f *demoFindings) { f.retried-- }, "retries:"},
		"too few retried":      {func(f *demoFindings) { f.retriedOrders-- }, "orders that were retried:"},
		"too few filtered":     {func(f *demoFindings) { f.filtered-- }, "filtered orders"},
		"an unbalanced ledger": {func(f *demoFindings) { f.ledger.States[stream.Abandoned]++ }, "accounted for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			orders, found := imaginary(t)
			c.tamper(found)
			verdict := verifyDemo(orders, found)
			require.NotZero(t, verdict.faultCount)
			require.Contains(t, strings.Join(verdict.faults, "\n"), c.says)
		})
	}
}

func addField(r *stream.Record) {
	r.Value = bytes.Replace(r.Value, []byte("{"), []byte(`{"more":1,`), 1)
}

func firstOf(ends map[stream.Partition]int64) stream.Partition {
	var all []stream.Partition
	for p := range ends {
		all = append(all, p)
	}
	return slices.MinFunc(all, stream.ComparePartitions)
}

// swapLater swaps two enrichments that came from one partition.
func swapLater(records []stream.Record, found *demoFindings) {
	source := make(map[string]stream.Partition)
	each(found.inputs, func(r *stream.Record) {
		id, _ := r.Header(traceHeader)
		source[string(id)] = r.Source()
	})
	from := func(r stream.Record) stream.Partition { return source[string(r.Key)] }
	for i := 1; i < len(records); i++ {
		if from(records[i]) == from(records[0]) {
			records[0], records[i] = records[i], records[0]
			return
		}
	}
}

// changePayload writes a dead letter of another value.
func changePayload(t *testing.T, r *stream.Record) {
	t.Helper()
	letter, err := deadletter.Restore(r.Key, r.Value, r.Headers)
	require.NoError(t, err)
	letter.Record.Value = append(slices.Clone(letter.Record.Value), ' ')
	m, err := deadletter.Build(&letter.Record, letter.Failure, deadLetterTopic, deadletter.JSON, "")
	require.NoError(t, err)
	r.Value = m.Value
}

func TestOrdersAreTheSameFromTheSameSeed(t *testing.T) {
	t.Parallel()
	require.Equal(t, makeOrders(500, 1), makeOrders(500, 1))
	require.NotEqual(t, makeOrders(500, 1), makeOrders(500, 2))
}

func TestOrdersHaveTheirShares(t *testing.T) {
	t.Parallel()
	var counts [orderKinds]int
	for _, o := range makeOrders(20_000, 1) {
		counts[o.kind]++
		readable := json.Valid(o.value) && bytes.Equal(bytes.ToValidUTF8(o.value, nil), o.value)
		require.Equal(t, o.kind == brokenOrder, !readable, "%s", o.value)
	}
	require.Equal(t, [orderKinds]int{soundOrder: 19_200, flakyOrder: 200, cancelledOrder: 400, brokenOrder: 100, pricelessOrder: 100}, counts)
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		require.Equal(t, want, thousands(n))
	}
}
