// Package sim runs the machines of internal/core in a simulated world, from a seed, on one goroutine and in virtual time. It
// is there to find what tests do not: it draws a world and what goes wrong in it, lets it run at millions of steps a second,
// and holds every step to the guarantees. The same seed gives the same event log, to the byte.
//
//	world ── events by time ──► process ── poller ── core.Ownership     broker ── logs, offsets, group (three protocols)
//	                              │           └───── core.Committer        ▲
//	                              ├── partition ──── core.Partition        │ client: a member, fetches, commits, lookups
//	                              │     └── lanes ── crew ── core.Watch    │
//	                              ├── partitions ─── core.Circuits      chaos ── faults, by classes
//	                              ├── publisher, dead letters           oracle ── the truth about every record
//	                              ├── flow.Account, flow.Parking, pool ── flow.Turns
//	                              └── the rate limit around the handlers
//
// What is real: the machines, with all below internal/core. What is modelled: the shells (package actors), which are written
// here once more without goroutines, and Kafka. A file here has the name of its shell and does the same in the same order; who
// changes a shell changes it here too. Mail between actors is taken in the order in which it was sent, each message after a
// delay; an actor that ends drops its mail. The model of the broker fences members and never partitions, as brokers do.
//
// A seed draws the order (of the partition, of each key, none), how many handlers may run at once, batches, limits of parked
// records for a partition and for the process, a rate limit, the circuit for the rate of failures, and keys: few or many, a hot
// one, none, and hashes that collide. Some seeds have one partition whose offsets lie so far apart that a
// commit's metadata gets full, and some have one with so many records that what is done is compacted, or more keys are to be
// held than can be.
//
// # Faults
//
// A seed draws which classes of faults it has (see [Fault]) and each class draws its moments from a stream of its own.
//
//   - Processes crash, freeze past their session and go on with what they believed, stop, are told to give up; more come and go.
//   - A poller's consumer fails for good; the actor of a partition panics. No other actor does: in the program that ends the
//     process, which is a crash.
//   - The coordinator or all brokers are away. Requests and answers are lost then, joins are forgotten, commits are parked in
//     the client until the session's time is over, and sent with the membership of that moment.
//   - A commit is lost, is applied without an answer, takes long, or is refused for its metadata. A commit does not take effect
//     after its call has returned: the client closes the connection, and the model does not know a broker that would still
//     serve what it had read from it. Nor is a commit sent by a member that was fenced: the client has no membership then.
//   - Outputs and dead letters are late, refused, given back, or lost with their producer although they were written.
//   - Handlers are slow, fail in every way that the verdicts know, fail for one key and no other, panic, hang, and ignore their
//     cancelled context for a while or until the faults stop. Of a batch some fail, or it stops in the middle. Most attempts fail
//     for a while and none says why. Dependencies are down for all records or for one; NewHandler
//     fails.
//   - Topics grow, have gaps, lose their oldest records, are deleted and made again.
//   - Lookups fail; their parts are answered at different moments. The topic's id is asked for first, see client.positions.
//   - Operators pause and resume, the budget is small, actors and goroutines wait long for their turn.
//
// Messages between actors of a process are neither lost, doubled nor reordered, since a mailbox in memory does not do that:
// late and double are the answers from outside, and the outcomes of attempts that had been given up.
//
// # The oracle
//
// It knows when a record is done: its handler returned and all outputs of that attempt were acknowledged, it was skipped, or
// its dead letter was acknowledged, by whomever. From that it checks after every step
//
//   - conservation: Check of every machine;
//   - G1: no watermark, commit or committed offset passes a record that is not done, and metadata names none;
//   - G2: what was committed when an incarnation began, metadata included, is not handled again, nor what it has concluded
//     itself; and what was given back in good order is committed to the last record;
//   - G3: by the order, no two attempts at a partition, a key or a record at once in a process, whatever the incarnation, and
//     none before those of the same partition or key that lie below are concluded;
//   - G4: commits of an incarnation never go back and are begun only while it is owned, one at a time; no revoke is
//     acknowledged while a commit that names the partition is on its way; the group's offset never goes back, unless a policy
//     chose so because the offset was outside the log;
//   - G5: a dead letter only for who deserved it, one at a time, written once unless its fate was unknown;
//   - G6: the broker stores no commit of a member that has given the partition back;
//   - G7: the budget is not exceeded by more than one poll for each partition;
//   - the policies: of starts, of retries and their pauses; of attempts' time, in which a wait for the rate limit does not count;
//   - G8: a partition that stands still says why; and when faults stop, everything is done and committed within five minutes;
//   - G10: what order and limits allow is begun while a lane is free, whatever other keys wait for; and no work waits for a
//     slot while there is one, which goes to whoever has the fewest, and of these to who has waited longest;
//   - where keys are held: records of a key that has one in the dead letters follow it there, in order, and the next owner
//     knows of it;
//   - what has ended is reported in time, and what an earlier owner had done and nobody has read yet is passed on;
//   - the circuit for the rate of failures: it opens when so many fail and not before. While it is open nothing begins but its
//     probes, one at a time and ever rarer; nothing that waits uses up an attempt or goes to the dead letters for it, and what
//     failed just before is given its attempt back. It closes with a probe that passes, and with nothing else;
//   - the limits: of lanes, of parked records of a partition and of the process, of metadata, each with its cause, and a partition without records holds nothing;
//   - G9: then every process stops, in time, and with nothing left.
//
// One thing that Kafka cannot prevent is left out. When a topic is deleted and made again, a member that has not noticed may
// commit an offset of the old topic for the new one, and whoever begins there before the other has noticed begins too far
// on: what lies below is excused.
//
// # A seed that fails
//
//	make sim SEEDS=1:100000
//
// prints the seed, what it was shrunk to, the command that runs it again, and the end of the event log. Folder mutants holds
// deliberate bugs, each of which must be found: `make sim-mutants`.
package sim
