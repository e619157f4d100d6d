// Package core holds the machines that decide: what is handled next, what a failure means, how far a partition may be
// committed, where an incarnation begins, and who owns what.
//
//	Partition   one incarnation's records, from the poll to their end
//	Committer   watermarks to commits, for one member; authoritative about ownership
//	Ownership   the assignment of one member, and the life of its incarnations
//	Circuits    dependencies that are down, for the process
//	Watch       the time of an attempt, for a lane
//
// A machine takes the time and a message and appends what to do to a struct of effects; a shell in package actors carries
// them out. A machine has no goroutine, clock, random source, channel, log or I/O, so the same input gives the same
// effects, and the whole processor can be run by a simulator from a seed. Machines are not safe for concurrent use.
package core
