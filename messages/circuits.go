package messages

// ToCircuits is what the circuits' machine understands.
//
//sumtype:decl
type ToCircuits interface{ toCircuits() }

// DependencyRefused: a record's attempt ended with Unavailable.
type DependencyRefused struct {
	Incarnation
	Offset int64
	Name   string
	Err    string
}

// Enlisted: a record that was to be begun waits for this circuit instead, to be a probe. It was not refused.
type Enlisted struct {
	Incarnation
	Offset int64
	Name   string
}

// AttemptsCounted: so many attempts have ended, and showed that what they depend on works, or failed in a way that another
// attempt might not. Those that named a dependency which is down are neither.
type AttemptsCounted struct {
	Incarnation
	Passed int64
	Failed int64
}

// ProbePassed: the probe of a record showed that the dependency works, because the record came to its end: handled, skipped
// or refused for good.
type ProbePassed struct {
	Incarnation
	Offset int64
	Name   string
}

// ProbeDeclined: the record that was to probe cannot be tried now, for a reason of its partition's own; it waits on.
type ProbeDeclined struct {
	Incarnation
	Offset int64
	Name   string
}

// RecordsPassed: records were handled while a circuit was open.
type RecordsPassed struct {
	Incarnation
	Count int64
}

// Withdrawn: a record does not wait for this dependency any more, and nothing was learned about it: the record became a dead
// letter, or its probe failed in another way, as by a timeout.
type Withdrawn struct {
	Incarnation
	Offset int64
	Name   string
}

// IncarnationEnded: none of its records waits any more.
type IncarnationEnded struct {
	Incarnation
}

// CircuitTick lets time pass.
type CircuitTick struct{}

func (DependencyRefused) toCircuits() {}
func (Enlisted) toCircuits()          {}
func (AttemptsCounted) toCircuits()   {}
func (ProbePassed) toCircuits()       {}
func (ProbeDeclined) toCircuits()     {}
func (RecordsPassed) toCircuits()     {}
func (Withdrawn) toCircuits()         {}
func (IncarnationEnded) toCircuits()  {}
func (CircuitTick) toCircuits()       {}
