package core

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// holdTriesMin is the least wait of a record whose key cannot be held because too many are.
const holdTriesMin = time.Second

// held is a key whose records go to the dead letters unhandled, because one of them is there and order is to be kept there
// too.
type held struct {
	key    []byte // nil until a record of it was seen: the metadata names its id only
	since  time.Time
	offset int64 // of the record that it is held for; -1 when an earlier incarnation knew
	// writing is how many dead letters of it are on their way: one, but that the broker may refuse the output of an earlier
	// record late.
	writing int
	// written: a dead letter of it is acknowledged. Only then the next incarnation may be told of it, or it would take the
	// record that failed for one that follows.
	written bool
}

// keyHeldError is why a record goes to the dead letters that was not handled.
type keyHeldError struct {
	id     hold.ID
	offset int64
}

func (e *keyHeldError) Error() string {
	if e.offset < 0 {
		return fmt.Sprintf("the key (id %s) is held: an earlier record of it is in the dead letters", e.id)
	}
	return fmt.Sprintf("the key (id %s) is held: its record at offset %d is in the dead letters", e.id, e.offset)
}

// ErrorType names the error in dead letters.
func (e *keyHeldError) ErrorType() string { return "key-held" }

// inherit takes over the keys that an earlier incarnation held.
func (p *Partition) inherit(now time.Time, ids []hold.ID) {
	if !p.config.HoldKeys {
		return
	}
	for _, id := range ids {
		p.held[id] = &held{since: now, offset: -1, written: true}
	}
}

// holdOf gives what holds the key of a record, or nil.
func (p *Partition) holdOf(e *entry) (hold.ID, *held) {
	if len(p.held) == 0 || e.key == nil {
		return 0, nil
	}
	id := hold.Of(e.key)
	return id, p.held[id]
}

// divert sends a record whose key is held to the dead letters. It is false when the key is not.
func (p *Partition) divert(now time.Time, i int, out *PartitionEffects) bool {
	e := &p.entries[i]
	id, h := p.holdOf(e)
	if h == nil {
		return false
	}
	e.ready = false
	if t := p.troubles[e.offset]; t != nil {
		p.withdrawProbe(e, t, out) // it was to probe, and is not handled
	}
	if h.key == nil {
		h.key = bytes.Clone(e.key)
	}
	p.giveUp(now, i, messages.Failure{Kind: messages.KeyHeld, Err: &keyHeldError{id: id, offset: h.offset}}, out)
	return true
}

// hold notes that a record's dead letter is on its way, and holds its key. It is false when that cannot be: too many are
// held already, and the record has to wait for one to be released.
func (p *Partition) hold(now time.Time, e *entry, out *PartitionEffects) bool {
	if !p.config.HoldKeys || e.key == nil {
		return true
	}
	id := hold.Of(e.key)
	h := p.held[id]
	if h == nil {
		if len(p.held) >= hold.Max {
			return false
		}
		h = &held{key: bytes.Clone(e.key), since: now, offset: e.offset}
		p.held[id] = h
		out.Events = append(out.Events, stream.KeyHeld{
			Partition: p.inc.Partition, Epoch: p.inc.Epoch, Offset: e.offset, KeyID: id.String(), Held: len(p.held),
		})
	}
	h.writing++
	return true
}

// letterWritten notes that the dead letter of a record is acknowledged: the next of its key may follow.
func (p *Partition) letterWritten(e *entry) {
	if _, h := p.holdOf(e); h != nil {
		p.heldChanged = p.heldChanged || !h.written
		h.writing, h.written = max(h.writing-1, 0), true // one may have been on its way when the key was released
	}
}

// release lets keys go: their next records are handled again.
func (p *Partition) release(m messages.ReleaseKeys, out *PartitionEffects) {
	ids := m.IDs
	if m.All {
		ids = p.heldIDs()
	}
	for _, id := range ids {
		if p.held[hold.ID(id)] == nil {
			continue
		}
		delete(p.held, hold.ID(id))
		p.heldChanged = true
		out.Events = append(out.Events, stream.KeyReleased{
			Partition: p.inc.Partition, Epoch: p.inc.Epoch, KeyID: hold.ID(id).String(), Held: len(p.held),
		})
	}
}

// heldIDs are the ids of the keys that are held, ascending.
func (p *Partition) heldIDs() []uint64 {
	ids := make([]uint64, 0, len(p.held))
	for id := range p.held {
		ids = append(ids, uint64(id))
	}
	slices.Sort(ids)
	return ids
}

// heldText is what of the commit's metadata names the held keys.
func (p *Partition) heldText() string {
	if len(p.held) == 0 {
		return ""
	}
	ids := make([]hold.ID, 0, len(p.held))
	for _, id := range p.heldIDs() {
		if p.held[hold.ID(id)].written {
			ids = append(ids, hold.ID(id))
		}
	}
	return hold.Encode(p.topicID, ids)
}

// HeldKeys shows the keys that are held, by the time since when.
func (p *Partition) HeldKeys() []stream.HeldKey {
	keys := make([]stream.HeldKey, 0, len(p.held))
	for id, h := range p.held {
		keys = append(keys, stream.HeldKey{
			Partition: p.inc.Partition, ID: id.String(), Key: bytes.Clone(h.key), Since: h.since, Offset: h.offset,
		})
	}
	slices.SortFunc(keys, func(a, b stream.HeldKey) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	return keys
}
