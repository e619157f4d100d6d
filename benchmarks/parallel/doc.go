// Package parallel measures how far handlers run beyond the partitions: what is reached of the ideal when a handler waits,
// what a record costs when it does not, and what a key that fails, or a hundred thousand waiting retries, do to the rest.
// A real Kafka serves topics that were written beforehand; each contender drains them as a process of its own, in turns:
//
//	parallel ─┬─ kafka.sh                          one broker
//	          ├─ load                              writes a topic and reads it back, which warms the page cache
//	          └─ troupe, floor, Parallel Consumer  one at a time, each with a consumer group of its own
//
// The contenders follow one another in every round, and every second round goes the other way, so that a machine that grows
// slower favours none. What counts is the median of the rounds, and of each round's ratio to the baseline; no run passes or
// fails by its time. But each contender checks what it was handed: every record once, and in the order that it promises.
// One that fails this check has no figure, only the error.
package parallel
