package actors

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

const (
	pollRecordsMax = 2000
	// recordSizeGuess is what a record costs the budget before one was seen.
	recordSizeGuess = 1 << 10
	// While handlers have enough to do, polls bring what is being done, pollRest apart; enough is so many records for each
	// slot, and enoughLeast in all.
	pollRest       = time.Millisecond
	pollPacedLeast = 16
	enoughPerSlot  = 4
	enoughLeast    = 1000
)

// room is how much a poll may bring: this poller's part of what is left of the budget, and as many records as it can hold by
// their usual size, but at least one, because a partition that holds nothing may always go on. The part is half for a single
// poller. It is set aside until taken is called, for the other pollers. While handlers have enough to do it is less, and the
// poll is paced.
func (p *poller) room() (records int, paced bool, taken func()) {
	account := p.env.Account
	size := p.recordSize
	if size == 0 {
		size = recordSizeGuess
	}
	most := int64(pollRecordsMax)
	enough := size * int64(max(enoughPerSlot*p.env.Pool.Capacity(), enoughLeast))
	bytes, paced := p.pace.Limit(time.Now(), account, p.env.Pool.Busy(), enough, p.env.Pollers)
	if paced {
		most = min(max(bytes/size, pollPacedLeast), most)
	}
	if account.Limit() <= 0 {
		return int(most), paced, func() {}
	}
	taken = account.Reserve(func(left int64) int64 {
		part := left / int64(1+max(p.env.Pollers, 1))
		records = int(min(max(part/size, 1), most))
		p.fetch.Limit(max(part, 1))
		return int64(records) * size
	})
	return records, paced, taken
}

// feed gives a batch to its partition's actor, and charges the budget.
func (p *poller) feed(ctx actor.Context, b kafka.Batch) {
	inc, ok := p.ownership.Active(b.Partition)
	pid := p.pids[inc]
	if !ok || pid == nil {
		p.env.Meter.StaleMessages().Add(int64(len(b.Records)))
		return
	}
	c, known := p.counters[b.Partition.Topic]
	if !known {
		c = topicCounters{p.env.Meter.ConsumerRecords(b.Partition.Topic), p.env.Meter.ConsumerBytes(b.Partition.Topic)}
		p.counters[b.Partition.Topic] = c
	}
	size := b.Bytes / int64(len(b.Records))
	if p.recordSize == 0 {
		p.recordSize = size
	}
	p.recordSize += (size - p.recordSize) / 8
	c.records.Add(int64(len(b.Records)))
	c.bytes.Add(b.Bytes - int64(len(b.Records))*stream.RecordOverhead)
	p.env.Account.Sized(b.Largest)
	p.shares[inc].Take(b.Bytes)
	p.fedAt[inc] = time.Now()
	ctx.Send(pid, messages.Records{Records: b.Records})
}

// decideFlow pauses and resumes partitions by what they hold of the budget. The decision is about the whole process; each
// poller carries out what concerns its own partitions.
func (p *poller) decideFlow() {
	account := p.env.Account
	p.noteIntakes()
	pause, resume := account.Decide()
	foreign := func(s stream.Partition) bool {
		_, active := p.ownership.Active(s)
		return !active
	}
	pause, resume = slices.DeleteFunc(pause, foreign), slices.DeleteFunc(resume, foreign)
	if len(pause)+len(resume) == 0 && !p.ownership.Untold(time.Now()) {
		return
	}
	p.step(messages.FlowDecided{Pause: pause, Resume: resume, Used: account.Used()})
	p.noteIntakes()
}

// noteIntakes tells the budget which of the partitions are being delivered.
func (p *poller) noteIntakes() {
	for inc, share := range p.shares {
		intake := flow.IntakeClosed
		if active, ok := p.ownership.Active(inc.Partition); ok && active == inc {
			intake = flow.IntakeOpen
			if p.ownership.Full(inc.Partition) {
				intake = flow.IntakePaused
			}
		}
		share.SetIntake(intake)
	}
}
