// Package franz is the adapter of the Kafka port for franz-go, which is Go throughout: what a program built without cgo uses.
//
// # Two clients for one consumer
//
// A consumer is a member and a reader. The member is a client that belongs to the group and fetches nothing: whatever it is
// assigned, it is told to read none of it. The reader is a client without a group that is given partitions one by one, each
// at an absolute offset. So a partition is held until Start without being paused, no answer that comes late moves a
// position, a rebalance disturbs no partition that is kept, and a member that was expelled is replaced while the reader and
// the commits under way go on.
//
//	          callbacks, troubles             records, errors
//	member ────────► inbox ────────► Poll ◄──────────────── reader
//	   ▲                              │                        ▲
//	   └───── is told when served ────┴─── what to read ───────┘
//
// # The rebalance callbacks
//
// The library calls them on its own goroutines and goes on when they return, with heartbeats meanwhile. Here they post to
// the inbox, wake the Poll, and wait until the owner has served them. A revoke that the owner refuses never returns; the
// member then ends without acknowledging it, killed by Close. Close itself gives everything back first, as the owner, and
// leaves the group afterwards.
//
// # What the reader is told
//
// Start, Pause and Resume only note what is wanted. The next Poll tells the reader, all at once, before it asks for records:
// taking a partition away makes the library throw away everything that it has fetched ahead.
//
// # Positions outside the log
//
// The reader never resets a position. It stops at an offset out of range, the adapter asks for the log's bounds, and goes on
// at the start or stands still, as the caller wants. A log that has lost records stands still always, and so does a topic
// that was made again: the library reads by topic id, never from the new topic at the old position, and has to be made to
// forget the topic before it reads the new one.
//
// # What is fetched ahead
//
// The library keeps one answer of each broker, decompressed, and does not ask a broker for more until it was delivered.
// [prefetch] bounds the answers' sum by the budget, and the compressed size of each by the rate of compression seen last.
// The library's records share their batch's memory, and are copied when they are delivered: one that is kept would keep all
// of it.
//
// # Producers
//
// The library fails a whole batch for one message that a broker refuses, and has one limit for batches and messages. See
// [lanes] for what follows. Messages are not copied: their bytes must not change before they are reported.
//
// # Other facts about this client
//
//   - It has no max.poll.interval.ms. A watch leaves the group instead when nobody polls for so long, in either protocol, so
//     that others get the partitions at once; the next Poll tells Lost and joins again. A static member says nothing when it
//     goes: its partitions wait for its session to end.
//   - A commit is refused for good as ErrNotOwned as soon as the owner has given the partition back, and is retriable while
//     the member's generation is changing. It is repeated for 10 s at most.
//   - Neither client nor broker checks that a member owns the partitions it commits, only that it is a member.
//   - A regular expression may match a part of a name, in both protocols. A deleted topic that a
//     pattern had found is given back after about 15 seconds.
//   - Under group.protocol=consumer it always asks for an assignor, uniform by default. Where the brokers do not know that
//     protocol it falls back to the classic one by itself.
//   - The log's end is known from the last records that were fetched. An idle partition's end does not move.
//   - What was fetched before a pause, or asked for, may be delivered after the resume, if no Poll came between.
//   - A second member with the same group.instance.id makes the first fail in the classic protocol, and fails itself in the
//     other one.
//   - Committed offsets and commits go by topic name, not by id.
package franz
