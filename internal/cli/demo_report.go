package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/stream"
)

// demoReport is what the demo prints.
type demoReport struct {
	OK               bool             `json:"ok"`
	Seed             uint64           `json:"seed"`
	Format           string           `json:"format"`
	Records          int64            `json:"records"`
	Processed        int64            `json:"processed"`
	Enriched         int64            `json:"enriched"`
	Filtered         int64            `json:"filtered"`
	DeadLettered     map[string]int64 `json:"dead_lettered"`
	Retries          int64            `json:"retries"`
	RetriedRecords   int64            `json:"retried_records"`
	Duplicates       int64            `json:"duplicates"`
	Lost             int64            `json:"lost"`
	Seconds          float64          `json:"seconds"`
	RecordsPerSecond int64            `json:"records_per_second"`
	Partitions       []demoPartition  `json:"partitions"`
	Ledger           map[string]int64 `json:"ledger"`
	DeadLetter       *demoLetter      `json:"dead_letter,omitempty"`
	FaultCount       int              `json:"fault_count"`
	Faults           []string         `json:"faults,omitempty"`
}

type demoPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed int64  `json:"committed"`
	End       int64  `json:"end"`
}

// demoLetter is one dead letter in full.
type demoLetter struct {
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Offset    int64        `json:"offset"`
	Key       string       `json:"key"`
	Headers   []demoHeader `json:"headers"`
	Value     string       `json:"value"`
}

type demoHeader struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func newDemoReport(d *demo, orders []order, found *demoFindings, v demoVerdict, took time.Duration) *demoReport {
	r := &demoReport{
		OK: v.faultCount == 0, Seed: d.seed, Format: d.format.value, Records: int64(len(orders)), Processed: found.ledger.States[stream.Done],
		Enriched: v.enriched, Filtered: v.filtered, DeadLettered: v.deadLettered,
		Retries: found.retried, RetriedRecords: found.retriedOrders, Duplicates: v.duplicates, Lost: v.lost,
		Seconds: took.Seconds(), RecordsPerSecond: perSecond(int64(len(orders)), took),
		Ledger:     map[string]int64{"received": found.ledger.Received},
		DeadLetter: newDemoLetter(v.example), FaultCount: v.faultCount, Faults: v.faults,
	}
	for _, p := range slices.SortedFunc(maps.Keys(found.ends), stream.ComparePartitions) {
		committed, any := found.committed[p]
		if !any {
			committed = -1
		}
		r.Partitions = append(r.Partitions, demoPartition{p.Topic, p.Number, committed, found.ends[p]})
	}
	for s, n := range found.ledger.States {
		r.Ledger[stream.State(s).String()] = n
	}
	return r
}

func newDemoLetter(r *stream.Record) *demoLetter {
	if r == nil {
		return nil
	}
	l := &demoLetter{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: shown(r.Key), Value: shown(r.Value)}
	for _, h := range r.Headers {
		l.Headers = append(l.Headers, demoHeader{h.Key, shown(h.Value)})
	}
	return l
}

// shown makes bytes fit for a terminal: what is no printable text is quoted.
func shown(b []byte) string {
	plain := utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return r < ' ' || r == 0x7f })
	if plain {
		return string(b)
	}
	return fmt.Sprintf("%q", b)
}

func (r *demoReport) print(to io.Writer, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(to)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	r.table(w)
	return w.Flush()
}

func (r *demoReport) table(w io.Writer) {
	dead := int64(0)
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(r.DeadLettered)) {
		dead += r.DeadLettered[reason]
		reasons = append(reasons, fmt.Sprintf("%s %s", thousands(r.DeadLettered[reason]), reason))
	}
	atEnd := 0
	fmt.Fprint(w, "partition\tcommitted\tend\n")
	for _, p := range r.Partitions {
		fmt.Fprintf(w, "%s-%d\t%d\t%d\n", p.Topic, p.Partition, p.Committed, p.End)
		if p.Committed == p.End || p.Committed < 0 && p.End == 0 {
			atEnd++
		}
	}
	fmt.Fprintf(w, "\nproduced\t%s\tseed %d\n", thousands(r.Records), r.Seed)
	fmt.Fprintf(w, "format\t%s\n", r.Format)
	fmt.Fprintf(w, "processed\t%s\t%s enriched, %s filtered, %s dead-lettered\n",
		thousands(r.Processed), thousands(r.Enriched), thousands(r.Filtered), thousands(dead))
	fmt.Fprintf(w, "retried\t%s\t%s attempts that failed\n", thousands(r.RetriedRecords), thousands(r.Retries))
	fmt.Fprintf(w, "dead-lettered\t%s\t%s\n", thousands(dead), strings.Join(reasons, ", "))
	fmt.Fprintf(w, "filtered\t%s\n", thousands(r.Filtered))
	fmt.Fprintf(w, "duplicates\t%s\n", thousands(r.Duplicates))
	fmt.Fprintf(w, "lost\t%s\n", thousands(r.Lost))
	fmt.Fprintf(w, "committed\t%d of %d\tpartitions to their end\n", atEnd, len(r.Partitions))
	fmt.Fprintf(w, "rate\t%s/s\tin %.1f s, from joining the group to the last record done\n", thousands(r.RecordsPerSecond), r.Seconds)
	fmt.Fprintf(w, "ledger\t%s\t%s\n", thousands(r.Ledger["received"]), r.ledger())
	if l := r.DeadLetter; l != nil {
		fmt.Fprintf(w, "\na dead letter, %s-%d at offset %d\n\nkey\t%s\n", l.Topic, l.Partition, l.Offset, l.Key)
		for _, h := range l.Headers {
			fmt.Fprintf(w, "header\t%s: %s\n", h.Key, h.Value)
		}
		fmt.Fprintf(w, "value\t%s\n", l.Value)
	}
	if r.OK {
		fmt.Fprintf(w, "\neverything adds up: %s orders checked, each exactly once where it belongs\n", thousands(r.Records))
		return
	}
	fmt.Fprint(w, "\ndoes not add up:\n")
	for _, fault := range r.Faults {
		fmt.Fprintf(w, "  %s\n", fault)
	}
	if more := r.FaultCount - len(r.Faults); more > 0 {
		fmt.Fprintf(w, "  and %s more\n", thousands(int64(more)))
	}
}

// ledger writes the states that hold records.
func (r *demoReport) ledger() string {
	var states []string
	for s := range stream.StateCount {
		name := stream.State(s).String()
		if n := r.Ledger[name]; n != 0 {
			states = append(states, fmt.Sprintf("%s %s", thousands(n), name))
		}
	}
	return "received = " + strings.Join(states, " + ")
}
