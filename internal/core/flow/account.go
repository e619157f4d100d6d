// Package flow keeps a process within its limits: the byte budget for records ([Account], [Decide]) and the number of
// handlers running at once ([Turns]).
//
// Everything is by credit and decision: nobody blocks on a channel or a mailbox here. [Account] and [Share] may be used
// from any goroutine, because pollers take bytes that partitions give back; [Turns] belongs to one.
package flow

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/troupe-go/troupe/stream"
)

// Account is the byte budget of a process. Make it with [NewAccount].
//
// It counts and never refuses: a record that was polled is there, whatever the budget says. What keeps the count near
// the limit is [Decide], which says whose intake must pause.
type Account struct {
	limit    int64
	used     atomic.Int64
	reserved atomic.Int64

	// shares are those that are open. The slice is replaced, never changed.
	shares atomic.Pointer[[]*Share]
}

// NewAccount makes an account of limit bytes; zero or less is no limit.
func NewAccount(limit int64) *Account {
	a := &Account{limit: limit}
	a.shares.Store(&[]*Share{})
	return a
}

// Limit is the budget in bytes; zero or less is no limit.
func (a *Account) Limit() int64 { return a.limit }

// Used is how many bytes all shares hold. While another goroutine takes or gives, it may be older by that change.
func (a *Account) Used() int64 { return max(0, a.used.Load()) }

// Reserve sets aside room for what a consumer is about to poll, so that several consumers do not count on the same room:
// want is given what is neither held nor reserved, which may be negative, and says how much. The function gives the room
// back, once what has come is charged.
func (a *Account) Reserve(want func(left int64) (bytes int64)) (release func()) {
	for {
		reserved := a.reserved.Load()
		bytes := want(a.limit - a.used.Load() - reserved)
		if a.reserved.CompareAndSwap(reserved, reserved+bytes) {
			return func() { a.reserved.Add(-bytes) }
		}
	}
}

// Shares is how many shares are open.
func (a *Account) Shares() int { return len(*a.shares.Load()) }

// Open makes the share of one incarnation of a partition. Close it when the incarnation ends.
func (a *Account) Open(p stream.Partition) *Share {
	s := &Share{account: a, partition: p}
	a.change(func(open []*Share) []*Share { return append(slices.Clone(open), s) })
	return s
}

// change replaces the open shares; made may be called several times.
func (a *Account) change(made func([]*Share) []*Share) {
	for {
		old := a.shares.Load()
		if changed := made(*old); a.shares.CompareAndSwap(old, &changed) {
			return
		}
	}
}

// Holdings gives what every share holds whose intake the budget may pause, sorted by partition, for [Decide]: the budget is
// one for the whole process, whichever of its consumers a partition belongs to.
func (a *Account) Holdings() []Holding {
	open := *a.shares.Load()
	held := make([]Holding, 0, len(open))
	for _, s := range open {
		if intake := Intake(s.intake.Load()); intake != IntakeClosed {
			held = append(held, Holding{Partition: s.partition, Held: s.Held(), Paused: intake == IntakePaused})
		}
	}
	slices.SortFunc(held, func(a, b Holding) int { return stream.ComparePartitions(a.Partition, b.Partition) })
	return held
}

// Intake is what may come in on a share.
type Intake int32

// The intakes.
const (
	IntakeClosed Intake = iota // nothing, for other reasons than the budget
	IntakeOpen
	IntakePaused // nothing, because of the budget
)

// Share is what one incarnation holds of an account. All its methods may be called from any goroutine, in any order.
type Share struct {
	account   *Account
	partition stream.Partition
	held      atomic.Int64 // closedShare once closed
	intake    atomic.Int32
}

const closedShare = math.MinInt64

// Take charges bytes to the share. After Close it does nothing: the incarnation is over, and whoever still brings
// records for it drops them.
func (s *Share) Take(bytes int64) { s.add(max(0, bytes)) }

// Give credits bytes back and says how many: not more than the share holds, and none after Close. So a partition that
// counts wrong cannot lend out what others hold.
func (s *Share) Give(bytes int64) int64 { return -s.add(-max(0, bytes)) }

// SetIntake notes what may come in. A new share's intake is closed.
func (s *Share) SetIntake(i Intake) { s.intake.Store(int32(i)) }

// Held is how many bytes the share holds.
func (s *Share) Held() int64 { return max(0, s.held.Load()) }

// Close gives back all that is held, once.
func (s *Share) Close() {
	if held := s.held.Swap(closedShare); held != closedShare {
		s.account.used.Add(-held)
		s.account.change(func(open []*Share) []*Share {
			return slices.DeleteFunc(slices.Clone(open), func(other *Share) bool { return other == s })
		})
	}
}

// add changes share and account by bytes, but never below zero, and says by how much. The share decides and the account
// follows, so that Close and Take at the same moment agree on what is given back.
func (s *Share) add(bytes int64) int64 {
	for {
		held := s.held.Load()
		if held == closedShare {
			return 0
		}
		change := max(bytes, -held)
		if s.held.CompareAndSwap(held, held+change) {
			s.account.used.Add(change)
			return change
		}
	}
}
