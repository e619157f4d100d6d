// Package verify tells from outside whether a pipeline kept what it promises. It knows nothing of the pipeline but its
// topics and its group, and uses another Kafka client than the default one.
//
// [Load] writes stamped records at a bounded rate and keeps a ledger of those that the brokers have acknowledged. When all
// is over, [ReadHistory] reads back the input, the outputs, the dead letters and the offsets log, which holds every commit
// and every generation of the group; [Check] compares. The topics have their brokers' time of append, so the moment at
// which each record went in and came out is in the logs themselves.
//
// The words are Jepsen's:
//
//   - lost: acknowledged, neither among the outputs nor among the dead letters, and a commit says it was done;
//   - unseen: likewise, but no commit has passed it;
//   - duplicate: every copy of a record beyond its first. A replay is one by an owner that began at the committed offset
//     after the group had changed; a late one was on its way at a member that was cut off or frozen; one resent was
//     written again by a producer that had no answer; one read on is by such a member when it is back and has not heard yet that it was given up, which is allowed for a few seconds. Any other
//     is unexplained, and always a violation;
//   - out of order: a record whose first copy came before that of one before it with the same key, or a replay that goes
//     back without the group having changed: of a partition or of a key, by the order that the pipeline keeps;
//   - corrupted: a copy that is not the record byte for byte, by the checksum in its value or by that in the ledger;
//   - phantom: a copy of a record that nobody wrote;
//   - misdirected: a poisoned record among the outputs, or a sound one among the dead letters;
//   - early: a commit that passed a record before its output or dead letter was there, or named it in its metadata as done.
//
// A record is committed when the offset is beyond it or the commit's metadata names it.
package verify
