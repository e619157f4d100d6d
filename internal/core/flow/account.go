// Package flow keeps a process within its limits: the byte budget ([Account], [Decide]), the number of handlers running at
// once ([Turns]), and how fast records come in while those have enough to do ([Pace]).
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
// It counts and never refuses: a record that was polled is there, whatever the budget says, and so is an output. What keeps
// the count within the limit is [Account.Decide], which says whose intake must pause, [Account.Reserve], which says how much
// a poll may bring, and [Account.Crowded], which says that no more outputs may come into being.
//
//	poll ──Take──► records ──Give──►
//	                  │ handled
//	                  └──Charge──► outputs, dead letters ──Credit──►
//
// What frees memory never waits for memory: outputs and dead letters wait for nothing but their broker, and a record for
// nothing but them.
type Account struct {
	limit    int64
	used     atomic.Int64
	reserved atomic.Int64
	given    atomic.Int64 // back by all shares, ever
	charged  [aspects]atomic.Int64
	largest  atomic.Int64 // of the records that came of late
	barred   atomic.Bool  // somebody was told that it is crowded, and is to hear when it is not

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

// Used is how many bytes all shares hold, and what else was charged. While another goroutine changes it, it may be older by
// that change.
func (a *Account) Used() int64 { return max(0, a.used.Load()) }

// Aspect is what bytes are held for, beside the records themselves.
type Aspect int

// The aspects.
const (
	Outputs     Aspect = iota // from the end of their handler to the broker's acknowledgement
	DeadLetters               // from when they are built, likewise
	aspects
)

// messageOverhead is what a message costs beyond its bytes.
const messageOverhead = 400

// MessageCost is what a message costs that waits for its acknowledgement.
func MessageCost(m *stream.Message) int64 { return messageOverhead + m.Size() }

// Charge counts bytes that are held for something else than a record.
func (a *Account) Charge(of Aspect, bytes int64) {
	a.charged[of].Add(bytes)
	a.used.Add(bytes)
}

// Credit ends a Charge.
func (a *Account) Credit(of Aspect, bytes int64) { a.Charge(of, -bytes) }

// Charged is what an aspect holds.
func (a *Account) Charged(of Aspect) int64 { return max(0, a.charged[of].Load()) }

// Parts of the budget.
const (
	crowdedPercent = 90 // above: nothing is begun that may bring more outputs, while some wait
	outputsPart    = 64 // this part of the budget may wait at any time: of outputs, and of dead letters
	beyondPart     = 8  // is kept for these, and for outputs that are not charged yet
	floorsPart     = 4  // at most this part is kept for the records that partitions without any may have
)

// Crowded says that no records may be begun, because the budget is full and outputs wait, which their broker alone can end.
// Who is told so hears of the end by [Account.Freed].
func (a *Account) Crowded() bool {
	if !a.crowded() {
		return false
	}
	a.barred.Store(true)
	return a.crowded() // or who made room meanwhile has not seen it
}

func (a *Account) crowded() bool {
	if a.limit <= 0 || a.used.Load() <= percent(a.limit, crowdedPercent) {
		return false
	}
	return a.charged[Outputs].Load() > a.limit/outputsPart
}

// Freed is to be asked after every Give and Credit. It is true once when it is crowded no more and somebody was told that it
// is: the partitions are to look again.
func (a *Account) Freed() bool {
	return a.barred.Load() && !a.crowded() && a.barred.CompareAndSwap(true, false)
}

// AtOnce is how many bytes of outputs one of so many handlers running may gather before they are charged; 0 is no limit.
func (a *Account) AtOnce(handlers int) int64 {
	if a.limit <= 0 {
		return 0
	}
	return max(1, a.limit/outputsPart/int64(max(handlers, 1)))
}

// InClient is how many bytes a producer may have, whose copies of what it writes are nowhere accounted for; 0 is no limit. The
// rest waits with who charged it.
func (a *Account) InClient() int64 {
	if a.limit <= 0 {
		return 0
	}
	return max(1, a.limit/clientPart)
}

// HasRoom says whether bytes of an aspect may be charged that can as well be later: the budget has room, or that aspect has
// not had its part.
func (a *Account) HasRoom(of Aspect, bytes int64) bool {
	held := a.Charged(of)
	return a.limit <= 0 || held == 0 || held+bytes <= a.limit/outputsPart ||
		a.used.Load()+bytes <= percent(a.limit, crowdedPercent) && held+bytes <= a.limit/laterPart
}

const (
	laterPart  = 8  // of the budget, that such bytes may have at most
	clientPart = 16 // that a producer may have
)

// Sized notes how large the largest record was that one poll has brought.
func (a *Account) Sized(largest int64) {
	for {
		was := a.largest.Load()
		is := max(largest, was-(was+1023)/1024) // what has become rare is forgotten
		if is == was || a.largest.CompareAndSwap(was, is) {
			return
		}
	}
}

// intakeLimit is what the marks are parts of: the budget but for what may come beside the records, and for one large record
// of each partition that is open, because a partition that holds nothing may have one whatever the others hold.
func (a *Account) intakeLimit() int64 {
	if a.limit <= 0 {
		return a.limit
	}
	return a.limit - a.limit/beyondPart - min(a.limit/floorsPart, int64(a.Shares())*a.largest.Load())
}

// Decide says which partitions to pause and which to resume; see the function [Decide].
func (a *Account) Decide() (pause, resume []stream.Partition) {
	return Decide(a.intakeLimit(), a.Used(), a.Holdings())
}

// Reserve sets aside room for what a consumer is about to poll, so that several consumers do not count on the same room:
// want is given what is neither held nor reserved nor kept for the records that every partition may have, which may be
// negative, and says how much. The function gives the room back, once what has come is charged.
func (a *Account) Reserve(want func(left int64) (bytes int64)) (release func()) {
	for {
		reserved := a.reserved.Load()
		bytes := want(a.intakeLimit() - a.used.Load() - reserved)
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
			if change < 0 {
				s.account.given.Add(-change)
			}
			return change
		}
	}
}
