package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itchyny/gojq"
)

// limits bound what the programs may do for one record.
type limits struct {
	time         time.Duration
	results      int
	bytes        int
	instructions int // on top of instructionsPerByte of the value
}

func defaultLimits() limits {
	return limits{time: time.Second, results: 1000, bytes: 16 << 20, instructions: 2_000_000}
}

// instructionsPerByte lets a program work longer on a larger value. Visiting each element of a list costs some ten
// instructions, and an element has at least two bytes.
const instructionsPerByte = 16

// errBudget marks failures for which the program is to blame, as against a context that ended.
var errBudget = errors.New("over budget")

// budget bounds the evaluation of all programs for one record. gojq asks its context before each instruction whether to
// go on, which makes the context the place to count instructions. Their number bounds memory too: nearly every
// instruction allocates a bounded amount.
//
// It is a context for gojq only and not safe for concurrent use.
type budget struct {
	context.Context
	limits   limits
	deadline time.Time
	left     int
	results  int
	err      error
	ended    chan struct{}
}

// checkEvery is how many instructions pass between looks at the clock.
const checkEvery = 512

func newBudget(ctx context.Context, l limits, valueBytes int) *budget {
	return &budget{
		Context: ctx, limits: l, deadline: time.Now().Add(l.time),
		left: l.instructions + instructionsPerByte*valueBytes,
	}
}

// Done is called by gojq before each instruction.
func (b *budget) Done() <-chan struct{} {
	b.left--
	if b.ended == nil && (b.left <= 0 || b.left%checkEvery == 0) {
		b.check()
	}
	return b.ended
}

func (b *budget) check() {
	switch {
	case b.Context.Err() != nil:
		b.err = context.Cause(b.Context)
	case b.left <= 0:
		b.err = fmt.Errorf("%w: more than %d instructions", errBudget, b.limits.instructions)
	case time.Now().After(b.deadline):
		b.err = fmt.Errorf("%w: more than %v", errBudget, b.limits.time)
	default:
		return
	}
	b.ended = make(chan struct{})
	close(b.ended)
}

// Err is why gojq was stopped.
func (b *budget) Err() error { return b.err }

// Value hides the parent's values: gojq has no use for them.
func (*budget) Value(any) any { return nil }

// run gives the results of a program one by one to take, until it returns false.
func (b *budget) run(p *program, value any, variables []any, take func(any) bool) error {
	results := p.code.RunWithContext(b, value, variables...)
	for {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := result.(error); failed {
			return jqError(err)
		}
		if b.results++; b.results > b.limits.results {
			return fmt.Errorf("%w: more than %d results", errBudget, b.limits.results)
		}
		if !take(result) {
			return nil
		}
	}
}

// jqError gives gojq's errors words of their own where those would say nothing.
func jqError(err error) error {
	var valued gojq.ValueError
	if errors.As(err, &valued) && valued.Value() == nil {
		return errors.New("error(null)")
	}
	return err
}
