package sim

import (
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/stream"
)

// protocol is how a group shares out its partitions.
type protocol uint8

const (
	eager protocol = iota
	cooperative
	consumerProtocol // KIP-848
)

func (p protocol) String() string { return [...]string{"eager", "cooperative", "consumer"}[p] }

// logKind is what is particular to the logs of a world.
type logKind uint8

const (
	usualLog logKind = iota
	wideLog          // one partition, whose offsets lie so far apart that few records fill a commit's metadata
	longLog          // one partition with many records
)

func (k logKind) String() string { return [...]string{"usual", "wide", "long"}[k] }

// dependencies is how many different services handlers depend on.
const dependencies = 2

// plan is what a seed says of the world before anything happens.
type plan struct {
	protocol  protocol
	processes int
	pollers   int // of one process
	topics    []int
	records   int
	horizon   time.Duration // faults stop by then, and so does the writing of records
	faults    Faults
	pace      float64 // of the faults that happen now and then: 1 is usual

	start       core.OwnershipConfig
	partition   core.PartitionConfig
	committer   core.CommitterConfig
	memory      int64
	concurrency int
	parked      int64         // records of a process that may wait for an attempt; 0 is any number
	limitEvery  time.Duration // between two attempts of a process, once the burst is used up; 0 is no limit
	limitBurst  int64
	log         logKind
	keys        int     // different ones
	hot         float64 // share of the records that have the same key
	null        float64 // share of those that have none
	bad         float64 // share of those whose key fails until faults stop
	hashBits    int     // of a key's hash, so that some collide
	timeout     time.Duration
	drain       time.Duration
	shutdown    time.Duration

	heartbeat time.Duration
	session   time.Duration
	maxPoll   time.Duration
	refresh   time.Duration // of the metadata of topics
}

// drawPlan draws everything, whatever is left out, so that leaving a fault out changes nothing else.
func drawPlan(c Config) plan {
	r := newChance(c.Seed, 1<<32)
	p := plan{
		protocol: protocol(r.IntN(3)), processes: 1 + r.IntN(3), pollers: 1 + r.IntN(4)/3, records: 10 + r.IntN(220),
		horizon: between(r, 4*time.Second, 30*time.Second), pace: 0.3 + 1.7*r.Float64(),
		concurrency: 1 + r.IntN(6), timeout: between(r, 300*time.Millisecond, 4*time.Second),
		drain: between(r, 200*time.Millisecond, 4*time.Second), shutdown: between(r, 2*time.Second, 15*time.Second),
		heartbeat: between(r, 200*time.Millisecond, 2*time.Second), session: between(r, 3*time.Second, 10*time.Second),
		maxPoll: between(r, 15*time.Second, 40*time.Second), refresh: between(r, time.Second, 5*time.Second),
	}
	for range 1 + r.IntN(2) {
		p.topics = append(p.topics, 1+r.IntN(4))
	}
	p.start.Reset = pick(r, core.ResetEarliest, core.ResetEarliest, core.ResetEarliest, core.ResetLatest, core.ResetLatest, core.ResetError)
	p.start.OutOfRange = pick(r, core.ResetEarliest, core.ResetEarliest, core.ResetLatest, core.ResetError)
	p.partition.Retry = retry.Policy{
		MaxAttempts: r.IntN(5), Initial: between(r, 10*time.Millisecond, time.Second), Multiplier: 1 + 2*r.Float64(),
		Max: between(r, time.Second, 10*time.Second), Jitter: pick(r, 0, 0.2, 1),
	}
	p.partition.StuckAfter = pick(r, 0, between(r, time.Second, 8*time.Second))
	p.partition.StuckDeadLetter = r.IntN(3) > 0
	p.committer = core.CommitterConfig{
		Records: 1 + r.Int64N(60), Interval: between(r, 100*time.Millisecond, 6*time.Second),
	}
	p.memory = stream.RecordOverhead * (6 + r.Int64N(125))
	p.faults = drawFaults(r)
	switch { // partitions come back while a commit of them is on its way
	case !p.faults.Has(CommitSlow):
	case p.faults.Has(PollerFails): // to a member that was fenced
		p.faults = p.faults.With(Freeze).With(Storm).With(CoordinatorAway)
	default:
		p.faults = p.faults.With(PollerFails)
	}
	p.drawOrder(r)
	p.drawLimits(r)
	p.limit(c)
	return p
}

// drawOrder draws what is kept in order, how many handlers may run at once, and what keys there are.
func (p *plan) drawOrder(r *rand.Rand) {
	c := &p.partition
	c.Order = pick(r, core.ByPartition, core.ByPartition, core.ByKey, core.ByKey, core.ByKey, core.Unordered)
	c.Lanes = 1 + r.IntN(8)
	p.concurrency = pick(r, p.concurrency, p.concurrency, 1+r.IntN(16))
	p.keys = pick(r, 2, 5, 20, 500)
	p.hot, p.null, p.bad = pick(r, 0, 0, 0.5, 0.9), pick(r, 0, 0.1, 0.1, 0.9), pick(r, 0.02, 0.1, 0.3)
	p.hashBits = pick(r, 64, 64, 4)
	c.KeyHash = func(key []byte) uint64 { return hashed(key) >> (64 - p.hashBits) }
	c.BatchRecords = pick(r, 0, 0, 0, 2+r.IntN(6))
	c.BatchWait = between(r, 0, 300*time.Millisecond)
	c.MaxParked = pick(r, 0, 0, 1+r.Int64N(4), 5+r.Int64N(30))
	if c.HoldKeys = r.IntN(3) == 0; c.HoldKeys && c.Order == core.ByPartition { // several dead letters of a key at once
		p.hot, p.faults = max(p.hot, 0.5), p.faults.With(HandlerRefuses)
	}
	p.log = pick(r, append(make([]logKind, 70), wideLog, wideLog, longLog)...)
	most := r.IntN(400)
	if p.log == usualLog {
		return
	}
	if c.Order == core.ByPartition {
		c.Order = core.ByKey
	}
	p.topics, p.faults = []int{1}, p.faults.With(BadKey).Without(MemoryFull)
	c.MaxParked, c.BatchRecords, c.Retry.MaxAttempts = 0, 0, 0
	p.records, p.bad = 900+most, 0.5
	if p.log == longLog {
		p.records, p.bad = 1600+most, 0.003
		if c.HoldKeys { // so many that not all can be held
			p.keys, p.hot, p.null, p.faults = 500, 0, 0, p.faults.With(HandlerRefuses).Without(OperatorPauses)
		}
	}
}

// drawLimits draws the circuit for the rate of failures, and what the whole process is limited to.
func (p *plan) drawLimits(r *rand.Rand) {
	rate := core.FailureRatePolicy{
		Rate: pick(r, 0.02, 0.25, 0.5, 1), Window: between(r, 300*time.Millisecond, 8*time.Second), MinRecords: r.Int64N(16),
	}
	rated, outage := r.IntN(3) == 0, r.IntN(2) == 0
	parked := pick(r, 0, 0, 0, 1+r.Int64N(5), 3+r.Int64N(20))
	waits, long := r.IntN(3), between(r, 2*time.Second, 8*time.Second)
	slow := min(600*time.Millisecond, time.Minute/time.Duration(p.records)) // all must be handled after the end of all faults
	every := pick(r, between(r, 2*time.Millisecond, 40*time.Millisecond), between(r, slow/4, slow))
	burst, limited := 1+r.Int64N(6), r.IntN(5) == 0
	if p.log != usualLog {
		return
	}
	if rated {
		p.partition.FailureRate = rate
		if outage {
			p.faults = p.faults.With(Outage)
		}
	}
	switch p.parked = parked; {
	case parked == 0:
	case waits == 0:
		p.faults, p.partition.MaxParked = p.faults.With(BadKey), 0
	case waits == 1:
		p.faults, p.partition.MaxParked = p.faults.With(HandlerFails), 0
		p.partition.Retry.Initial, p.partition.Retry.Max = long, max(long, p.partition.Retry.Max)
	}
	if limited {
		p.limitEvery, p.limitBurst = every, burst
	}
}

// hashed is FNV-1a.
func hashed(key []byte) uint64 {
	sum := uint64(14695981039346656037)
	for _, b := range key {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	return sum * 0x9e3779b97f4a7c15 // its upper bits count
}

// drawFaults picks the classes of a seed: half of them where there are many, few where there are few, so that one fault
// does not always hide what another would show.
func drawFaults(r *rand.Rand) Faults {
	share := pick(r, 0, 0.1, 0.25, 0.5, 0.5)
	var s Faults
	for f := range Fault(faultCount) {
		if r.Float64() < share {
			s = s.With(f)
		}
	}
	if r.IntN(8) != 0 {
		s = s.Without(LettersOff)
	}
	return s
}

// limit leaves out what the configuration leaves out, and what goes with it.
func (p *plan) limit(c Config) {
	p.faults &^= c.Without
	if c.Records > 0 {
		p.records = min(p.records, c.Records)
	}
	if c.Horizon > 0 {
		p.horizon = min(p.horizon, c.Horizon)
	}
	if !p.faults.Has(MemoryFull) {
		p.memory = 0
	}
	if p.partition.Order == core.ByPartition { // it would be the partition that fails
		p.faults = p.faults.Without(BadKey)
	}
	if p.faults.Has(LettersOff) {
		p.partition.DeadLetterOff, p.partition.OnErrorDrop, p.partition.HoldKeys = true, true, false
	}
	if p.partition.Retry.MaxAttempts == 0 { // a record that fails for ever would be tried for ever
		p.faults = p.faults.Without(Poison).Without(DependencyPoison)
	}
}

// pick draws one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }
