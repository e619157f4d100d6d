// Package confluent is the adapter of the Kafka port for confluent-kafka-go, that is librdkafka.
//
// # Holding a partition until Start
//
// librdkafka delivers an assigned partition from its committed offset, and the lookup of that offset can fail or wait
// where nobody sees it. So the rebalance callback pauses every partition and then assigns it at an absolute offset, from
// which nothing is ever fetched. Start seeks and resumes. A seek answers "erroneous state" while the client has not begun with the partition
// (it waits for commits in flight first); such a Start is remembered and tried again by each Poll. A seek forgets the
// position of the last delivered record, so neither the pause before nor a rebalance between Start and the first record
// brings an older position back.
//
// # Positions outside the log
//
// librdkafka looks up logical positions, such as the log's start or end, by itself. An answer that comes late, after a seek
// or a pause, makes it ask again half a second later and go there: the seek is undone. Therefore it is never told to start
// at a logical position, and resets a position outside the log to the log's start, never to its end: records below the
// position that Start gave are then dropped here, and none is skipped. auto.offset.reset is the caller's business: it says
// where to begin without a committed offset. What librdkafka is given under that name follows from the consumer's
// OutOfRange alone.
//
// With OutOfRangeGoOn it is earliest, and librdkafka tells of a reset in its log only. The adapter reads those lines (see
// resets): partition and position in them are compared with the gap in what was delivered, and where nothing more comes,
// with the bounds of the log, which are looked up. So log_level is never below that of warnings. The conformance suite fails
// when a version words those lines otherwise.
//
// With OutOfRangeStop it is error, and librdkafka gives the partition up, without saying which: it is the one for which a
// seek is refused. Only a new consumer can read that partition again, for to unassign and assign it again could
// acknowledge a revoke that the owner has not seen yet.
//
// # Pauses
//
// An application's pause outlives revoke and assignment in librdkafka. Since every assigned partition is paused here and
// Start resumes it, that cannot leave a partition standing.
//
// # The rebalance callback
//
// The binding throws the callback's error away, acknowledges by itself where the callback did not, and blocks for ever on
// a nil channel when that fails. So the callback always acknowledges itself and keeps the error, which Poll returns. Not
// to acknowledge takes a trick: the binding must believe that it was done, so the callback calls the assign function of
// the other protocol, which librdkafka refuses without any effect.
//
// # Close
//
// Consumer.Close of the binding polls until the group is left, and hangs for good after a fatal error: then Close here waits
// for a second only and says so. It runs on a goroutine of its own, from where rebalance callbacks are handed to the goroutine that called Close here. When that one's
// context ends it goes away, and the rest of the revokes are acknowledged without it. Poll after Close would crash the
// process inside the library, so no call gets through the adapter's gate after Close, and Close waits for those inside.
//
// # Other facts about this client
//
//   - Commits cannot be cancelled. With the coordinator away they end after about session.timeout.ms, with a silent one
//     after socket.timeout.ms.
//   - Neither client nor broker checks that a member owns the partitions it commits, only that it is a member.
//   - Pause throws prefetched records away and Resume fetches them again; doing so often multiplies the traffic.
//   - Every rebalance throws away the prefetched records of all partitions.
//   - Under group.protocol=consumer the library is silent when a member joins and there is no partition for it. The adapter
//     looks whether the member has an epoch, and then calls Assigned with no partitions.
//   - Overrunning max.poll.interval.ms leaves the group at once in the classic protocol. Under group.protocol=consumer the
//     member only falls silent, so that others get its partitions after the group's session time-out on the broker.
//   - In the classic protocol a member that is closed while it joins, and owns nothing, sends no LeaveGroup, and the others
//     wait for it until its session ends. Unsubscribed first it does; the adapter waits for that for up to 5 s.
//   - A regular expression must match the whole name under group.protocol=consumer (the broker matches), and may match a
//     part of it in the classic protocol (the client does). New topics are found every
//     topic.metadata.refresh.interval.ms in the classic protocol.
//   - Properties cannot turn headers off: a record with headers costs twice as many allocations.
//   - Close takes up to 100 ms longer than leaving the group does, until the binding's log reader looks up.
package confluent
