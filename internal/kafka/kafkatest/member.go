package kafkatest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// member is a consumer with what happened to it.
type member struct {
	e        *env
	consumer kafka.Consumer
	fetch    kafka.Fetch
	closed   bool

	owned       map[stream.Partition]bool
	records     map[stream.Partition][]stream.Record
	assignments int // calls of Assigned
	gained      int // partitions named by them
	revoked     [][]stream.Partition
	lost        []stream.Partition
	troubles    []error
	err         error // of the last Poll
	lookupErr   error // the last of a lookup of positions

	onAssigned func([]stream.Partition) // beside the book-keeping
	onRevoked  func([]stream.Partition) error
	fresh      []stream.Partition // assigned and not seen by startFresh
}

func (m *member) Assigned(partitions []stream.Partition) {
	m.assignments++
	m.gained += len(partitions)
	for _, p := range partitions {
		m.owned[p] = true
	}
	m.fresh = append(m.fresh, partitions...)
	if m.onAssigned != nil {
		m.onAssigned(partitions)
	}
}

func (m *member) Revoked(partitions []stream.Partition) error {
	m.revoked = append(m.revoked, partitions)
	if m.onRevoked != nil {
		if err := m.onRevoked(partitions); err != nil {
			return err
		}
	}
	m.disown(partitions)
	return nil
}

func (m *member) Lost(partitions []stream.Partition) error {
	m.lost = append(m.lost, partitions...)
	m.disown(partitions)
	return nil
}

func (m *member) Trouble(err error) { m.troubles = append(m.troubles, err) }

func (m *member) disown(partitions []stream.Partition) {
	for _, p := range partitions {
		delete(m.owned, p)
	}
	m.fresh = slices.DeleteFunc(m.fresh, func(p stream.Partition) bool { return !m.owned[p] })
}

// poll polls once and keeps the records.
func (m *member) poll(wait time.Duration, limit int) int {
	m.err = m.consumer.Poll(wait, limit, &m.fetch)
	n := 0
	m.fetch.Take(func(b kafka.Batch) {
		n += len(b.Records)
		m.records[b.Partition] = append(m.records[b.Partition], b.Records...)
	})
	return n
}

// startFresh starts what was assigned since the last call where the group has committed, or at the beginning. A partition
// whose lookup fails is left to the next call, as the client may not know of a new one yet.
func (m *member) startFresh() {
	m.e.t.Helper()
	fresh := m.fresh
	m.fresh = nil
	if len(fresh) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(m.e.t.Context(), m.e.facts.takeover())
	defer cancel()
	positions, err := m.consumer.Positions(ctx, fresh)
	require.NoError(m.e.t, err)
	for _, p := range positions {
		if p.Err != nil {
			m.fresh, m.lookupErr = append(m.fresh, p.Partition), p.Err
			continue
		}
		require.NoError(m.e.t, m.consumer.Start(p.Partition, max(p.Committed, 0)))
	}
}

func (m *member) start(partition int32, offset int64) {
	m.e.t.Helper()
	p := m.e.at(partition)
	m.fresh = slices.DeleteFunc(m.fresh, func(other stream.Partition) bool { return other == p })
	require.NoError(m.e.t, m.consumer.Start(p, offset))
}

// commit commits what was delivered of partitions.
func (m *member) commit(partitions []stream.Partition) error {
	offsets := make([]kafka.CommitOffset, 0, len(partitions))
	for _, p := range partitions {
		if read := m.records[p]; len(read) > 0 {
			last := &read[len(read)-1]
			offsets = append(offsets, kafka.CommitOffset{Partition: p, Offset: last.Offset + 1, LeaderEpoch: last.LeaderEpoch})
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	results, err := m.consumer.Commit(m.e.t.Context(), offsets)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func (m *member) close(within time.Duration) error {
	if m.closed {
		return nil
	}
	m.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return m.consumer.Close(ctx)
}

func (m *member) list() []stream.Partition {
	return slices.SortedFunc(maps.Keys(m.owned), stream.ComparePartitions)
}

// total is the number of records delivered.
func (m *member) total() int {
	n := 0
	for _, records := range m.records {
		n += len(records)
	}
	return n
}

// offsets gives the offsets delivered of a partition.
func (m *member) offsets(partition int32) []int64 {
	var offsets []int64
	for _, r := range m.records[m.e.at(partition)] {
		offsets = append(offsets, r.Offset)
	}
	return offsets
}

// overtaken gives the positions that were told as overtaken, of a partition.
func (m *member) overtaken(partition int32) []int64 {
	return told(m, func(err *kafka.OvertakenError) (int64, bool) { return err.Position, err.Partition == m.e.at(partition) })
}

// outside gives the positions at which a partition was told to stand still.
func (m *member) outside(partition int32) []int64 {
	return told(m, func(err *kafka.OutsideError) (int64, bool) { return err.Position, err.Partition == m.e.at(partition) })
}

func told[E error](m *member, position func(E) (at int64, here bool)) []int64 {
	var positions []int64
	for _, trouble := range m.troubles {
		var err E
		if !errors.As(trouble, &err) {
			continue
		}
		if at, here := position(err); here {
			positions = append(positions, at)
		}
	}
	return positions
}
