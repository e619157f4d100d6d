// Package chaos runs real troupe processes on a real Kafka of three brokers, does to both what happens to them in the
// field, and lets a separate program tell what became of the records: see package verify.
//
// A [Scenario] is a list of faults whose times a seed decides. A trial is one scenario with one client and one group
// protocol: it makes topics, starts members, lets records flow, calls the scenario, waits until everything is committed,
// stops the members, and has the logs checked. Meanwhile every member's admin endpoints are watched: /healthz must not fail
// because of Kafka, and a partition that stands still must name a cause.
//
// Members and brokers are told apart by process ids; nothing is ended that was not started here. Where a trial fails, its
// folder with pipeline, logs, events, ledger and script stays, and the way to run it again is printed.
package chaos
