// Package memory is a broker and a client of the port in internal/kafka without a socket and without a goroutine, for
// simulations and for tests of actors in virtual time.
//
// A [Broker] keeps topics, consumer groups and committed offsets under one lock. Whatever happens, happens on the
// goroutine of the call that makes it happen: a rebalance goes on when a member polls, a member that stayed away too
// long is given up when somebody looks. The one exception is delivery reports, which need a goroutine that is not the
// producer's: they come from a timer, or, with Options.Manual, from the test's own call of [Broker.Deliver].
//
// Time is time.Now, and waiting is on channels and timers made by the caller's goroutine, so that everything works
// inside a testing/synctest bubble; make the broker inside it too.
//
// # Consumer groups
//
// The group protocol is the classic one, seen from outside. With incremental rebalances (the default):
//
//	a member joins, leaves or is given up, or topics change
//	  -> preparing: every member without an unserved callback rejoins by itself; the others hold the group up
//	     until they poll, or until their max.poll.interval.ms has passed and they are given up
//	  -> a new generation; each member gets what is its own and nobody else's: Revoked, then Assigned
//	  -> whoever gave partitions back rejoins, and a second round hands them to their new owner
//
// With eager ones every member revokes everything before it rejoins. As on a real broker a commit is checked by
// membership, never by the ownership of the partition.
//
// What is not modelled: transactions, static members, ghosts of members that closed while the broker was away,
// replication, and the time that a network takes.
package memory
