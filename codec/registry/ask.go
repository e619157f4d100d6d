package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// ask puts a question to the nodes, one after another, until one answers or it is settled that there is no answer. Its
// errors are those of the package.
func (r *Resolver) ask(ctx context.Context, q question, draft *Schema, grace time.Duration) (found, error) {
	tries := max(r.config.Retries+1, len(r.nodes))
	first := int(r.current.Load())
	pauses := graceful(grace)
	var last error
	for try := 0; try < tries; {
		at := (first + try) % len(r.nodes)
		out, err := r.once(ctx, at, q, draft)
		if err == nil {
			return out, nil
		}
		means, err := judge(err, q)
		last = fmt.Errorf("ask %s for %s: %w", r.config.URLs[at], q, err)
		answers := fmt.Errorf("%s answers %w", r.config.URLs[at], err)
		switch means {
		case unusable:
			return found{}, &UnusableSchemaError{What: q.String(), Err: answers}
		case rejected:
			return found{}, refusedSchema(q, answers)
		case unknown:
			if q.kind == register {
				return found{}, unavailable(last) // it was taken, and the node that was asked for it does not know it yet
			}
			if len(pauses) == 0 {
				return found{}, &UnknownSchemaError{What: q.String(), Err: answers}
			}
			if !pause(ctx, pauses[0]) {
				return found{}, unavailable(last)
			}
			pauses, first = pauses[1:], first+1
			r.counters.retries.Add(1)
			continue
		case standing:
			if try+1 >= len(r.nodes) {
				return found{}, unavailable(last)
			}
		case passing:
		}
		try++
		r.current.CompareAndSwap(int32(at), int32((at+1)%len(r.nodes)))
		if try == tries || !pause(ctx, r.backoff(try)) {
			break
		}
		r.counters.retries.Add(1)
	}
	return found{}, unavailable(last)
}

// refusedSchema is what a registry says to a schema that it does not accept.
func refusedSchema(q question, err error) error {
	var answer *refusal
	incompatible := errors.As(err, &answer) && answer.status == 409
	return &RejectedError{Subject: q.subject, Incompatible: incompatible, Err: err}
}

// once asks one node, when it is this lookup's turn, and no longer than one request may take.
func (r *Resolver) once(ctx context.Context, at int, q question, draft *Schema) (found, error) {
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-ctx.Done():
		return found{}, ctx.Err()
	}
	request, cancel := context.WithTimeoutCause(ctx, r.config.Timeout, errNoAnswer)
	defer cancel()
	out, err := r.nodes[at].ask(request, q, draft)
	if err != nil && request.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w within %s: %w", errNoAnswer, r.config.Timeout, err)
	}
	return out, err
}

var errNoAnswer = errors.New("no answer")

// backoff is the pause before a repetition: none before a node that was not asked yet.
func (r *Resolver) backoff(try int) time.Duration {
	if try < len(r.nodes) {
		return 0
	}
	whole := backoffMax
	if doublings := try - len(r.nodes); doublings < 10 && r.config.Backoff < backoffMax>>doublings {
		whole = r.config.Backoff << doublings
	}
	return whole/2 + rand.N(whole/2+1)
}

// graceful are the pauses before a schema that is unknown is asked for again.
func graceful(grace time.Duration) []time.Duration {
	if grace <= 0 {
		return nil
	}
	return []time.Duration{grace / 4, grace - grace/4}
}

// pause is false when the context ended before.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
