package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
)

// heldKey is a key whose records are to follow one to the dead letters.
type heldKey struct {
	offset  int64 // of the first of them in this incarnation; -1 when an earlier one knew
	last    int64 // of the last of them that was sent there
	written bool  // one is acknowledged
}

// keyID is how metadata names a key.
func keyID(key []byte) uint64 {
	sum := sha256.Sum256(key)
	return binary.BigEndian.Uint64(sum[:])
}

// heldKeyOf gives the notes on a record's key where it is held.
func (o *oracle) heldKeyOf(l *life, r *record) *heldKey {
	if len(l.held) == 0 || r.key == nil {
		return nil
	}
	return l.held[keyID(r.key)]
}

// follows says whether a record goes to the dead letters because one of its key did.
func (o *oracle) follows(l *life, v *lived, d *messages.DeadLetter) bool {
	return d.Failure.Kind == messages.KeyHeld && (o.heldKeyOf(l, v.record) != nil || v.letters > 0)
}

// holds notes that a record goes to the dead letters, and that those of its key are to follow it, in order: each is sent
// when the one before it is written.
func (o *oracle) holds(l *life, v *lived, why messages.FailureKind) {
	if !o.w.plan.partition.HoldKeys || v.record.key == nil || v.letters > 1 {
		return // it is written again
	}
	id := keyID(v.record.key)
	key := l.held[id]
	if key == nil {
		key = &heldKey{offset: v.record.offset, last: -1}
		l.held[id] = key
	}
	if v.outputs {
		return // the broker refused its output when the next may have been handled
	}
	plan := &o.w.plan.partition
	if batch := plan.Order == core.ByPartition && plan.BatchRecords > 0; !batch && plan.Order != core.Unordered { // a batch may have several of a key
		if v.record.offset < key.last {
			o.w.violate("hold", "%s sends %s to the dead letters behind %d of its key", l, v.record, key.last)
		}
		if last := l.at(key.last); last != nil && last != v && !last.finished && why == messages.KeyHeld {
			o.w.violate("hold", "%s sends %s to the dead letters before %s of its key is written", l, v.record, last.record)
		}
	}
	key.last = max(key.last, v.record.offset)
}

// sameHeld says that an incarnation takes over the keys that the last commit's metadata names as held, wherever it begins.
func (o *oracle) sameHeld(l *life, s *core.PartitionStart, pos messages.Position) {
	var ids []uint64
	if m, ok := readMetadata(pos.Metadata); ok && m.topic == pos.TopicID {
		ids = m.held
	}
	same := len(ids) == len(s.Held)
	for i := 0; same && i < len(ids); i++ {
		same = ids[i] == uint64(s.Held[i])
	}
	if !same {
		o.w.violate("hold", "%s takes %v as held, the metadata says %v", l, s.Held, ids)
	}
	for _, id := range ids {
		l.held[id] = &heldKey{offset: -1, last: -1, written: true}
	}
}

// keysCommitted says that a revoke in good order has committed which keys are held.
func (o *oracle) keysCommitted(l *life, c committed) {
	if o.w.plan.faults.Has(MetadataLimit) || len(l.held) == 0 {
		return
	}
	m, _ := readMetadata(c.metadata)
	for id, key := range l.held {
		if key.written && !slices.Contains(m.held, id) {
			o.w.violate("hold", "%s was given back in good order, but the commit %q does not say that key %x is held", l, c.metadata, id)
		}
	}
}

// lettersBefore says whether a dead letter of the record's line is on its way, which the next one waits for where keys may be
// held.
func (l *life) lettersBefore(at int) bool {
	line := l.lived[at].line
	return slices.ContainsFunc(l.lived[:at], func(v lived) bool {
		return v.ordered && v.line == line && (v.letterOut && !v.finished || v.letterRefused)
	})
}
