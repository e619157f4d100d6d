package core

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// outage is partitions and circuits that talk to one another, as late as the schedule wants, about records of which some
// need a database. The database may be down, and so may something that no error names.
type outage struct {
	t          *rapid.T
	config     PartitionConfig
	circuits   *Circuits
	now        time.Time
	wake       time.Time // of the circuits
	partitions []*outagePartition
	letters    []messages.ToCircuits // to the circuits, in the order in which they were sent
	epochs     uint64
	dbDown     bool
	otherDown  bool
}

type outagePartition struct {
	p       *Partition
	wake    time.Time
	letters []messages.ToPartition
	works   []messages.Work
	next    int64
}

func (o *outage) begin(i int, from int64) {
	o.epochs++
	inc := messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: int32(i)}, Epoch: o.epochs}
	part := &outagePartition{p: NewPartition(o.now, o.config, PartitionStart{Incarnation: inc, Offset: from}), next: from}
	o.partitions[i] = part
	if told := o.circuits.Told(); told.Open {
		part.letters = append(part.letters, told)
	}
}

// step gives a partition a message.
func (o *outage) step(part *outagePartition, m messages.ToPartition) {
	var out PartitionEffects
	part.p.Step(o.now, m, &out)
	if out.Fault != nil || len(out.DeadLetters) > 0 {
		o.t.Fatalf("fault %v, %d dead letters", out.Fault, len(out.DeadLetters))
	}
	for _, w := range out.Work {
		if part.p.circuits.Halt && (len(w.Records) > 1 || part.p.troubles[w.Records[0].Offset].circuit == "") {
			o.t.Fatalf("%v begun, and only probes may be", offsetsOf(w.Records))
		}
		part.works = append(part.works, w)
	}
	o.letters = append(o.letters, out.Circuits...)
	part.wake = out.Wake
	if out.CallBack && rapid.Bool().Draw(o.t, "called back") {
		for _, w := range part.works {
			part.letters = append(part.letters, messages.Outcomes{Outcomes: []messages.Outcome{{Lane: w.Lane, Seq: w.Seq}}})
		}
		part.works = nil
	}
	if err := part.p.Check(); err != nil {
		o.t.Fatal(err)
	}
}

// hear gives the circuits a message.
func (o *outage) hear(m messages.ToCircuits) {
	var out CircuitEffects
	o.circuits.Step(o.now, m, &out)
	o.wake = out.Wake
	send := func(inc messages.Incarnation, m messages.ToPartition) {
		for _, part := range o.partitions {
			if part.p.Incarnation() == inc {
				part.letters = append(part.letters, m)
			}
		}
	}
	if out.Changed {
		for _, part := range o.partitions {
			part.letters = append(part.letters, out.Open)
		}
	}
	for _, c := range out.Charges {
		send(c.To, c.Message)
	}
	for _, v := range out.Verdicts {
		send(v.To, v.Message)
	}
}

// deliver lets one message arrive, if there is one: to the circuits, or to a partition.
func (o *outage) deliver(to int) bool {
	if to == len(o.partitions) {
		if len(o.letters) == 0 {
			return false
		}
		m := o.letters[0]
		o.letters = o.letters[1:]
		o.hear(m)
		return true
	}
	part := o.partitions[to]
	if len(part.letters) == 0 {
		return false
	}
	m := part.letters[0]
	part.letters = part.letters[1:]
	o.step(part, m)
	return true
}

// handle is one attempt: every other record needs the database, some of them before they need the rest.
func (o *outage) handle(off int64) *messages.Failure {
	db := &messages.Failure{Kind: messages.Unavailable, Err: errors.New("refused"), Name: "db"}
	needs := off%2 == 0 && o.dbDown
	switch {
	case needs && off%4 == 0:
		return db
	case o.otherDown:
		return &messages.Failure{Kind: messages.Failed, Err: errors.New("boom")}
	case needs:
		return db
	}
	return nil
}

// answer ends a work, all of it or up to the first failure.
func (o *outage) answer(part *outagePartition, at int) {
	w := part.works[at]
	part.works = append(part.works[:at:at], part.works[at+1:]...)
	outcome := messages.Outcome{Lane: w.Lane, Seq: w.Seq}
	for i := range w.Records {
		outcome.Attempted++
		if f := o.handle(w.Records[i].Offset); f != nil {
			outcome.Exceptions = append(outcome.Exceptions, messages.Exception{Index: i, Failure: *f})
			if o.config.BatchRecords == 0 {
				break
			}
		}
	}
	o.step(part, messages.Outcomes{Outcomes: []messages.Outcome{outcome}})
}

func (o *outage) receive(part *outagePartition, n int) {
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Topic: "orders", Offset: part.next, Timestamp: o.now, Key: []byte{byte(part.next % 7)}}
		part.next++
	}
	o.step(part, messages.Records{Records: records})
}

// handOver begins the next incarnation of a partition.
func (o *outage) handOver(i int) {
	old := o.partitions[i]
	old.p.Abandon()
	o.begin(i, old.p.Next())
	kept := o.letters[:0:0]
	for _, m := range o.letters { // what an incarnation said that is gone is dropped
		if incarnationOf(m) != old.p.Incarnation() {
			kept = append(kept, m)
		}
	}
	o.letters = kept
	o.hear(messages.IncarnationEnded{Incarnation: old.p.Incarnation()})
}

func incarnationOf(m messages.ToCircuits) messages.Incarnation {
	switch m := m.(type) {
	case messages.DependencyRefused:
		return m.Incarnation
	case messages.Enlisted:
		return m.Incarnation
	case messages.AttemptsCounted:
		return m.Incarnation
	case messages.ProbePassed:
		return m.Incarnation
	case messages.ProbeDeclined:
		return m.Incarnation
	case messages.RecordsPassed:
		return m.Incarnation
	case messages.Withdrawn:
		return m.Incarnation
	case messages.IncarnationEnded:
		return m.Incarnation
	case messages.CircuitTick:
	}
	return messages.Incarnation{}
}

// pass lets time go on until something is due.
func (o *outage) pass(d time.Duration) {
	o.now = o.now.Add(d)
	o.hear(messages.CircuitTick{})
	for _, part := range o.partitions {
		o.step(part, messages.Tick{})
	}
}

func TestPartitionsAndCircuitsRecoverFromTwoOutagesInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := &outage{t: t, now: epoch, circuits: NewCircuits(FailureRatePolicy{Rate: 0.5, Window: 30 * time.Second, MinRecords: 4})}
		o.config = PartitionConfig{
			Order: rapid.SampledFrom([]Order{ByPartition, ByKey, Unordered}).Draw(t, "order"), Lanes: 3, KeyHash: sum,
			Retry:        retry.Policy{MaxAttempts: -1, Initial: time.Second, Multiplier: 2, Max: time.Minute},
			BatchRecords: rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "batch"), FailureRate: FailureRatePolicy{Rate: 0.5},
		}
		o.partitions = make([]*outagePartition, rapid.IntRange(1, 3).Draw(t, "partitions"))
		for i := range o.partitions {
			o.begin(i, 0)
		}
		some := func(t *rapid.T) int { return rapid.IntRange(0, len(o.partitions)-1).Draw(t, "partition") }
		t.Repeat(map[string]func(*rapid.T){
			"receive": func(t *rapid.T) { o.receive(o.partitions[some(t)], rapid.IntRange(1, 20).Draw(t, "records")) },
			"deliver": func(t *rapid.T) {
				for range rapid.IntRange(1, 10).Draw(t, "messages") {
					o.deliver(rapid.IntRange(0, len(o.partitions)).Draw(t, "to"))
				}
			},
			"answer": func(t *rapid.T) {
				part := o.partitions[some(t)]
				if len(part.works) == 0 {
					t.Skip("nothing runs")
				}
				o.answer(part, rapid.IntRange(0, len(part.works)-1).Draw(t, "work"))
			},
			"db":    func(*rapid.T) { o.dbDown = !o.dbDown },
			"other": func(*rapid.T) { o.otherDown = !o.otherDown },
			"pause": func(t *rapid.T) {
				o.step(o.partitions[some(t)], messages.OperatorPause{Paused: rapid.Bool().Draw(t, "paused")})
			},
			"time": func(t *rapid.T) { o.pass(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond) },
			"hand over": func(t *rapid.T) {
				if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
					o.handOver(some(t))
				}
			},
		})
		o.recover()
	})
}

// recover ends both outages: everything must be done then, and every circuit close, in a time that is bounded.
func (o *outage) recover() {
	o.dbDown, o.otherDown = false, false
	for _, part := range o.partitions {
		o.step(part, messages.OperatorPause{})
	}
	end := o.now.Add(2 * time.Hour)
	for o.now.Before(end) {
		o.drainMail()
		if o.over() {
			return
		}
		o.pass(time.Second)
	}
	for _, part := range o.partitions {
		o.t.Log(part.p.Describe(o.now))
	}
	o.t.Fatalf("does not recover: circuits %+v", o.circuits.Status())
}

// drainMail delivers and answers everything.
func (o *outage) drainMail() {
	for busy := true; busy; {
		busy = false
		for to := range len(o.partitions) + 1 {
			for o.deliver(to) {
				busy = true
			}
		}
		for _, part := range o.partitions {
			for len(part.works) > 0 {
				o.answer(part, 0)
				busy = true
			}
		}
	}
}

func (o *outage) over() bool {
	for _, part := range o.partitions {
		if ledger := part.p.Ledger(); ledger.Unfinished() > 0 {
			return false
		}
	}
	for _, c := range o.circuits.Status() {
		if c.Open && (c.Name != FailureRateCircuit || c.Waiting > 0) { // that one may have nothing left to probe with
			return false
		}
	}
	return true
}
