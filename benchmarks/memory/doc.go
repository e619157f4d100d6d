// Package memory measures whether the byte budget holds: what the processor accounts for, and what the system says that its
// process has resident, while something is wrong that would let memory grow without a budget. A real Kafka serves a backlog that
// was written beforehand; troupe reads it as a process of its own, once with each client:
//
//	memory ─┬─ kafka.sh    one broker
//	        ├─ load        writes a backlog
//	        └─ troupe      fault ──► intake stands ──► healthy partitions go on ──► the fault ends ──► everything is done
//
// Each trial passes or fails by four questions, none of them about time: was the account ever above the budget, was the process
// ever above twice the budget and 128 MiB, did the partitions that nothing is wrong with go on to the end of their backlog, and
// was all of it done, and committed, after the fault had ended.
package memory
