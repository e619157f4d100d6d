package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/stream"
)

// demoFindings are what the demo found after its run: the topics as they were read back by a client of another make, and
// what the processor said of itself.
type demoFindings struct {
	inputs, enriched, deadLetters map[stream.Partition][]stream.Record
	committed, ends               map[stream.Partition]int64

	retried       int64 // attempts that failed and were tried again
	retriedOrders int64
	filtered      int64
	ledger        stream.Ledger
}

// faultsMax bounds how many faults are listed; all are counted.
const faultsMax = 20

// demoVerdict is the outcome of checking every order against what was found.
type demoVerdict struct {
	enriched, filtered, lost, duplicates int64
	deadLettered                         map[string]int64 // by reason
	example                              *stream.Record   // a dead letter as it lies in its topic
	faults                               []string
	faultCount                           int
}

func (v *demoVerdict) fault(format string, args ...any) {
	if v.faultCount++; len(v.faults) < faultsMax {
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	}
}

// place is where a record lies.
type place struct {
	stream.Partition
	offset int64
}

// inspection holds what is known of each order while the findings are gone through.
type inspection struct {
	demoVerdict
	orders map[string]*order
	source map[string]place // where each order was written
	copies map[string]int   // how often it was enriched or dead-lettered
}

// verifyDemo checks every order: each is found exactly once where it belongs, with the content it must have, and the
// processor's own counts and offsets agree. It has no fault to tell only when everything adds up.
func verifyDemo(orders []order, found *demoFindings) demoVerdict {
	in := &inspection{
		demoVerdict: demoVerdict{deadLettered: make(map[string]int64)},
		orders:      make(map[string]*order, len(orders)),
		source:      make(map[string]place, len(orders)),
		copies:      make(map[string]int, len(orders)),
	}
	for i := range orders {
		in.orders[orders[i].id] = &orders[i]
	}
	in.checkInputs(found.inputs)
	in.checkEnriched(found.enriched)
	in.checkDeadLetters(found.deadLetters)
	in.checkCopies(orders)
	in.checkOffsets(found)
	in.checkCounts(orders, found)
	return in.demoVerdict
}

// each visits records by partition, in the order of the log.
func each(records map[stream.Partition][]stream.Record, visit func(*stream.Record)) {
	for _, p := range slices.SortedFunc(maps.Keys(records), stream.ComparePartitions) {
		for i := range records[p] {
			visit(&records[p][i])
		}
	}
}

func at(r *stream.Record) place { return place{r.Source(), r.Offset} }

func (p place) String() string { return fmt.Sprintf("%s@%d", p.Partition, p.offset) }

// checkInputs checks that what was produced is what lies in the input topics, and notes where.
func (in *inspection) checkInputs(inputs map[stream.Partition][]stream.Record) {
	each(inputs, func(r *stream.Record) {
		o := in.orderOf(r)
		if o == nil {
			in.fault("%s: an order that nobody produced", at(r))
			return
		}
		if _, twice := in.source[o.id]; twice {
			in.fault("%s: %s was produced twice", at(r), o.id)
		}
		if r.Topic != o.topic || !bytes.Equal(r.Value, o.value) {
			in.fault("%s: %s is not as it was produced", at(r), o.id)
		}
		in.source[o.id] = at(r)
	})
	if len(in.source) != len(in.orders) {
		in.fault("%d orders were produced and %d lie in the input topics", len(in.orders), len(in.source))
	}
}

// orderOf finds an order by its trace header.
func (in *inspection) orderOf(r *stream.Record) *order {
	id, _ := r.Header(traceHeader)
	return in.orders[string(id)]
}

func (in *inspection) checkEnriched(enriched map[stream.Partition][]stream.Record) {
	type lane struct{ from, to stream.Partition }
	last := make(map[lane]int64)
	each(enriched, func(r *stream.Record) {
		o := in.orderOf(r)
		if o == nil {
			in.fault("%s: the enrichment of no order", at(r))
			return
		}
		in.enriched++
		if in.copies[o.id]++; in.copies[o.id] > 1 {
			return // counted as a duplicate; its order says nothing
		}
		in.checkEnrichment(r, o)
		from := in.source[o.id]
		way := lane{from.Partition, r.Source()}
		if before, any := last[way]; any && from.offset <= before {
			in.fault("%s: %s from %s came after a later one of its partition", at(r), o.id, from)
		}
		last[way] = from.offset
	})
}

func (in *inspection) checkEnrichment(r *stream.Record, o *order) {
	if o.kind != soundOrder && o.kind != flakyOrder {
		in.fault("%s: %s should not have been enriched", at(r), o.id)
		return
	}
	var value struct {
		OrderID    string      `json:"order_id"`
		Customer   string      `json:"customer"`
		TotalCents json.Number `json:"total_cents"` // Protobuf's JSON has 64-bit integers as text
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Value))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&value); {
	case err != nil:
		in.fault("%s: %s: %v: %s", at(r), o.id, err, r.Value)
	case value.OrderID != o.id || value.Customer != string(o.key) || string(r.Key) != o.id:
		in.fault("%s: %s became key %q and value %s", at(r), o.id, r.Key, r.Value)
	case value.TotalCents.String() != strconv.FormatInt(o.cents, 10):
		in.fault("%s: %s costs %d cents and became %s", at(r), o.id, o.cents, value.TotalCents)
	case !sameHeaders(r.Headers, o.headers()):
		in.fault("%s: the headers of %s have changed", at(r), o.id)
	}
}

func (in *inspection) checkDeadLetters(letters map[stream.Partition][]stream.Record) {
	each(letters, func(r *stream.Record) {
		letter, err := deadletter.Restore(r.Key, r.Value, r.Headers)
		if err != nil {
			in.fault("%s: the dead letter cannot be restored: %v", at(r), err)
			return
		}
		o := in.orderOf(&letter.Record)
		if o == nil {
			in.fault("%s: the dead letter of no order", at(r))
			return
		}
		in.deadLettered[letter.Failure.Reason]++
		in.copies[o.id]++
		if in.example == nil || r.Timestamp.Before(in.example.Timestamp) {
			in.example = r
		}
		original := &letter.Record
		switch {
		case o.kind != brokenOrder && o.kind != pricelessOrder:
			in.fault("%s: %s should not have become a dead letter (%s)", at(r), o.id, letter.Failure.Message)
		case !bytes.Equal(original.Value, o.value) || !bytes.Equal(original.Key, o.key) || !bytes.Equal(r.Key, o.key) ||
			!sameHeaders(original.Headers, o.headers()):
			in.fault("%s: %s cannot be restored byte for byte", at(r), o.id)
		case at(original) != in.source[o.id]:
			in.fault("%s: %s was at %s and the dead letter says %s", at(r), o.id, in.source[o.id], at(original))
		case letter.Failure.Reason != o.kind.reason():
			in.fault("%s: %s should be dead for the reason %s, not %s", at(r), o.id, o.kind.reason(), letter.Failure.Reason)
		case letter.Failure.Attempts != 1:
			in.fault("%s: %s was tried %d times, and once was enough", at(r), o.id, letter.Failure.Attempts)
		}
	})
}

// reason is why an order of this kind becomes a dead letter; empty where it does not.
func (k orderKind) reason() string {
	switch k {
	case brokenOrder:
		return "decode"
	case pricelessOrder:
		return "permanent"
	case soundOrder, flakyOrder, cancelledOrder:
	}
	return ""
}

func sameHeaders(a, b []stream.Header) bool {
	return slices.EqualFunc(a, b, func(x, y stream.Header) bool {
		return x.Key == y.Key && bytes.Equal(x.Value, y.Value)
	})
}

// checkCopies finds what is missing and what is there more than once.
func (in *inspection) checkCopies(orders []order) {
	for i := range orders {
		o := &orders[i]
		copies := in.copies[o.id]
		switch {
		case copies > 1:
			in.duplicates += int64(copies - 1)
			in.fault("%s from %s is there %d times", o.id, in.source[o.id], copies)
		case copies == 1:
		case o.kind == cancelledOrder:
			in.filtered++
		default:
			in.lost++
			in.fault("%s from %s is lost", o.id, in.source[o.id])
		}
	}
}

func (in *inspection) checkOffsets(found *demoFindings) {
	for _, p := range slices.SortedFunc(maps.Keys(found.ends), stream.ComparePartitions) {
		committed, any := found.committed[p]
		if !any {
			committed = -1
		}
		// A partition that was empty from the start has nothing to commit.
		if end := found.ends[p]; committed != end && (end != 0 || committed != -1) {
			in.fault("%s: %d is committed, its end is %d", p, committed, end)
		}
	}
}

// checkCounts compares the processor's own counts with those that follow from the orders.
func (in *inspection) checkCounts(orders []order, found *demoFindings) {
	expected := make([]int64, orderKinds)
	for i := range orders {
		expected[orders[i].kind]++
	}
	flaky := expected[flakyOrder]
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"enriched orders", in.enriched, expected[soundOrder] + flaky},
		{"filtered orders, by absence", in.filtered, expected[cancelledOrder]},
		{"filtered orders, by the processor's count", found.filtered, expected[cancelledOrder]},
		{"orders that were retried", found.retriedOrders, flaky},
		{"retries", found.retried, flaky * dependencyFailures},
		{"records received, by the ledger", found.ledger.Received, int64(len(orders))},
		{"records done, by the ledger", found.ledger.States[stream.Done], int64(len(orders))},
		{"dead letters with reason decode", in.deadLettered[brokenOrder.reason()], expected[brokenOrder]},
		{"dead letters with reason permanent", in.deadLettered[pricelessOrder.reason()], expected[pricelessOrder]},
	} {
		if c.got != c.want {
			in.fault("%s: %d, expected %d", c.what, c.got, c.want)
		}
	}
	if err := found.ledger.Check(); err != nil {
		in.fault("%s", strings.TrimSpace(err.Error()))
	}
}
