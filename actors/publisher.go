package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// publisher is the shell that writes the outputs of handlers and tells the partitions what became of them.
type publisher struct {
	guard
	env      *Env
	outbox   outbox[outputOf]
	results  map[*actor.PID][]messages.PublishResult
	counters map[topicResult]*meter.Counter
}

// outputOf says whose output a message is.
type outputOf struct {
	from   *actor.PID
	offset int64
}

// publishRequest asks for outputs to be written, in order.
type publishRequest struct {
	from    *actor.PID
	outputs []messages.PublishOutput
}

type topicResult struct{ topic, result string }

// NewPublisher gives the props of the publisher.
func NewPublisher(env *Env) *actor.Props {
	return env.watched("publisher", "publisher", func(g guard) actor.Actor {
		p := &publisher{
			guard: g, env: env, results: make(map[*actor.PID][]messages.PublishResult), counters: make(map[topicResult]*meter.Counter),
		}
		p.outbox = outbox[outputOf]{env: env, name: "publisher", settled: p.settled}
		return p
	})
}

// Receive handles one message.
func (p *publisher) Receive(ctx actor.Context) {
	if failure := p.run(ctx, p.receive); failure != nil {
		p.env.Fail(fmt.Errorf("publisher: %w\n%s", failure, failure.stack))
	}
}

func (p *publisher) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		if err := p.outbox.open(ctx); err != nil {
			p.env.Fail(fmt.Errorf("publisher: %w", err))
		}
	case publishRequest:
		for i := range m.outputs {
			p.outbox.write(outputOf{from: m.from, offset: m.outputs[i].Offset}, m.outputs[i].Message)
		}
	default:
		p.outbox.receive(m)
	}
	if len(p.results) > 0 && p.env.Account.Freed() {
		ctx.Send(p.env.Partitions, roomAgain{})
	}
	for pid, results := range p.results {
		ctx.Send(pid, messages.Published{Results: results})
		delete(p.results, pid)
	}
}

func (p *publisher) settled(o outputOf, m *stream.Message, err error) {
	result := meter.ProducerAcknowledged
	if err != nil {
		result = meter.ProducerRefused
		err = fmt.Errorf("output to %s: %w", m.Topic, err)
	}
	p.env.Account.Credit(flow.Outputs, flow.MessageCost(m)) // which the partition has charged
	key := topicResult{m.Topic, result}
	c := p.counters[key]
	if c == nil {
		c = p.env.Meter.ProducerRecords(m.Topic, result)
		p.counters[key] = c
	}
	c.Inc()
	p.results[o.from] = append(p.results[o.from], messages.PublishResult{Offset: o.offset, Err: err})
}
