// Package flow keeps a process within its limits: the byte budget for records ([Account], [Decide]) and the number of
// handlers running at once ([Slots]).
//
// Everything is by credit and decision: nobody blocks on a channel or a mailbox here. [Account] and [Share] may be used
// from any goroutine, because pollers take bytes that partitions give back; [Slots] belongs to one.
package flow

import (
	"math"
	"sync/atomic"
)

// Account is the byte budget of a process. Make it with [NewAccount].
//
// It counts and never refuses: a record that was polled is there, whatever the budget says. What keeps the count near
// the limit is [Decide], which says whose intake must pause.
type Account struct {
	limit  int64
	used   atomic.Int64
	shares atomic.Int64
}

// NewAccount makes an account of limit bytes; zero or less is no limit.
func NewAccount(limit int64) *Account { return &Account{limit: limit} }

// Limit is the budget in bytes; zero or less is no limit.
func (a *Account) Limit() int64 { return a.limit }

// Used is how many bytes all shares hold. While another goroutine takes or gives, it may be older by that change.
func (a *Account) Used() int64 { return max(0, a.used.Load()) }

// Shares is how many shares are open.
func (a *Account) Shares() int { return int(a.shares.Load()) }

// Open makes the share of one incarnation of a partition. Close it when the incarnation ends.
func (a *Account) Open() *Share {
	a.shares.Add(1)
	return &Share{account: a}
}

// Share is what one incarnation holds of an account. All its methods may be called from any goroutine, in any order.
type Share struct {
	account *Account
	held    atomic.Int64 // closedShare once closed
}

const closedShare = math.MinInt64

// Take charges bytes to the share. After Close it does nothing: the incarnation is over, and whoever still brings
// records for it drops them.
func (s *Share) Take(bytes int64) { s.add(max(0, bytes)) }

// Give credits bytes back and says how many: not more than the share holds, and none after Close. So a partition that
// counts wrong cannot lend out what others hold.
func (s *Share) Give(bytes int64) int64 { return -s.add(-max(0, bytes)) }

// Held is how many bytes the share holds.
func (s *Share) Held() int64 { return max(0, s.held.Load()) }

// Close gives back all that is held, once.
func (s *Share) Close() {
	if held := s.held.Swap(closedShare); held != closedShare {
		s.account.used.Add(-held)
		s.account.shares.Add(-1)
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
