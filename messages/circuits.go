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

// ProbePassed: the probe of a record ended otherwise than with Unavailable of that name.
type ProbePassed struct {
	Incarnation
	Offset int64
	Name   string
}

// RecordsPassed: records were handled while a circuit was open.
type RecordsPassed struct {
	Incarnation
	Count int64
}

// Withdrawn: a record does not wait any more, it became a dead letter.
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
func (ProbePassed) toCircuits()       {}
func (RecordsPassed) toCircuits()     {}
func (Withdrawn) toCircuits()         {}
func (IncarnationEnded) toCircuits()  {}
func (CircuitTick) toCircuits()       {}
