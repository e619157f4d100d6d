package stream

import "time"

// Event is one thing that happened in a processor. Logs, metrics, tests and users share this one stream.
//
// Every event has a name (the JSON field "event") and is written as JSON by its own fields. An event of one
// incarnation carries its partition and epoch.
//
//sumtype:decl
type Event interface {
	EventName() string
	event()
}

// Assigned: the partitions were given to this member.
type Assigned struct {
	Partitions []Partition `json:"partitions"`
}

// Revoked: the partitions were drained, committed and given back.
type Revoked struct {
	Partitions []Partition `json:"partitions"`
	Abandoned  int64       `json:"abandoned"` // records in flight that did not finish in time
	DurationMS int64       `json:"duration_ms"`
}

// Lost: the partitions were taken away without a chance to commit.
type Lost struct {
	Partitions []Partition `json:"partitions"`
	Abandoned  int64       `json:"abandoned"`
}

// Started: an incarnation of a partition begins to read.
type Started struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	Offset int64  `json:"offset"`
	Origin string `json:"origin"` // committed, store, earliest, latest
	// Skipped is how many records beyond Offset the commit's metadata names as done.
	Skipped int64 `json:"skipped"`
	// DurationMS is the time since the partition was assigned, or since its incarnation before ended.
	DurationMS int64 `json:"duration_ms"`
}

// StartUnavailable: the start offset could not be found; it is tried again.
type StartUnavailable struct {
	Partition
	Epoch uint64 `json:"epoch"`
	Error string `json:"error"`
}

// OutOfRange: the position was outside the log, or of a topic that is gone, and the policy for that chose another.
type OutOfRange struct {
	Partition
	Epoch    uint64 `json:"epoch"`
	Position int64  `json:"position"`
	LogStart int64  `json:"log_start"`
	LogEnd   int64  `json:"log_end"`
	Chosen   int64  `json:"chosen"` // -1: none, the partition stands still
}

// TopicRecreated: a topic was deleted and made again while its partitions were owned. They begin anew.
type TopicRecreated struct {
	Topic string `json:"topic"`
	OldID string `json:"old_id"`
	NewID string `json:"new_id"`
}

// MetadataIgnored: the metadata of a committed offset could not be used, so records done beyond the offset are handled
// again.
type MetadataIgnored struct {
	Partition
	Epoch uint64 `json:"epoch"`
	Error string `json:"error"`
}

// Committed: the broker has acknowledged these offsets.
type Committed struct {
	Offsets    []CommittedOffset `json:"offsets"`
	Records    int64             `json:"records"` // done since the commit before
	DurationMS float64           `json:"duration_ms"`
}

// CommittedOffset is one partition of a commit.
type CommittedOffset struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	Offset int64  `json:"offset"`
}

// CommitFailed: a commit was refused or lost; Retried says whether its offsets will be sent again.
type CommitFailed struct {
	Partitions []Partition `json:"partitions"`
	Error      string      `json:"error"`
	Retried    bool        `json:"retried"`
}

// Retried: an attempt failed and the record will be tried again after the delay.
type Retried struct {
	Partition
	Epoch   uint64 `json:"epoch"`
	Offset  int64  `json:"offset"`
	Attempt int32  `json:"attempt"` // the attempt that failed
	Reason  string `json:"reason"`  // error, retry-after, timeout, panic, unavailable
	Error   string `json:"error"`
	DelayMS int64  `json:"delay_ms"` // 0 with reason unavailable: the circuit decides
}

// KeyHeld: a record of the key is in the dead letters, and those that come later follow it there until the key is released.
type KeyHeld struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	Offset int64  `json:"offset"`
	KeyID  string `json:"key_id"`
	Held   int    `json:"held"` // keys of the partition, this one included
}

// KeyReleased: an operator has let the key go; its next record is handled again.
type KeyReleased struct {
	Partition
	Epoch uint64 `json:"epoch"`
	KeyID string `json:"key_id"`
	Held  int    `json:"held"` // keys of the partition that are left
}

// Skipped: a handler ended records on purpose: Count of them from First to Last, all for one reason.
type Skipped struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	First  int64  `json:"first"`
	Last   int64  `json:"last"`
	Count  int64  `json:"count"`
	Reason string `json:"reason"`
}

// DeadLettered: the broker has acknowledged a record's dead letter.
type DeadLettered struct {
	Partition
	Epoch    uint64 `json:"epoch"`
	Offset   int64  `json:"offset"`
	Target   string `json:"dead_letter_topic"`
	Reason   string `json:"reason"` // permanent, decode, exhausted, stuck, output-refused
	Attempts int32  `json:"attempts"`
	Error    string `json:"error"`
}

// Dropped: a record that failed for good ended without a dead letter, because dead letters are off and on_error is drop.
type Dropped struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	Offset int64  `json:"offset"`
	Error  string `json:"error"`
}

// Panicked: a handler panicked or called runtime.Goexit; its lane got a fresh handler, unless middleware has recovered the
// panic.
type Panicked struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	Offset int64  `json:"offset"`
	Value  string `json:"value"`
	Stack  string `json:"stack"`
}

// HandlerStuckFor: an attempt ignores its cancelled context.
type HandlerStuckFor struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	Offset int64  `json:"offset"`
	ForMS  int64  `json:"for_ms"`
}

// CauseChanged: a partition stands or moves for another reason than before.
type CauseChanged struct {
	Partition
	Epoch  uint64 `json:"epoch"`
	From   Cause  `json:"from"`
	To     Cause  `json:"to"`
	Detail string `json:"detail,omitempty"`
}

// Stalled: a partition was paused because the byte budget is full.
type Stalled struct {
	Partitions []Partition `json:"partitions"`
	UsedBytes  int64       `json:"used_bytes"`
}

// Resumed: partitions that the budget or an operator had paused read on.
type Resumed struct {
	Partitions []Partition `json:"partitions"`
}

// Paused: an operator paused partitions.
type Paused struct {
	Partitions []Partition `json:"partitions"`
}

// CircuitChanged: a dependency's circuit opened or closed.
type CircuitChanged struct {
	Name  string `json:"name"`
	Open  bool   `json:"open"`
	Error string `json:"error,omitempty"`
}

// Restarted: an actor failed by a bug of troupe's and was started again; for a partition, as a new incarnation.
type Restarted struct {
	Kind  string `json:"kind"` // poller, partition, publisher, dead-letter
	Actor string `json:"actor"`
	Error string `json:"error"`
	Stack string `json:"stack,omitempty"`
}

// ClientTrouble: the Kafka client reports something that it goes on trying to mend: brokers unreachable, a topic missing
// or not permitted. The same trouble is reported once per interval, not per attempt.
type ClientTrouble struct {
	Error   string `json:"error"`
	Times   int    `json:"times"` // since it was reported last
	SinceMS int64  `json:"since_ms"`
}

// NoProgress: a part of the processor has work and makes no progress, and no cause explains it. That is a bug, of troupe's
// or of the Kafka client's; the health check fails until it goes on.
type NoProgress struct {
	Kind   string `json:"kind"`   // partition, poller, committer, publisher, dead-letter, partitions, lane
	Actor  string `json:"actor"`  // a partition's with its epoch: "orders-3 #17"
	Aspect string `json:"aspect"` // handling, fetching, starting, committing, waking, turning
	// Partitions has the partition concerned, if it is one.
	Partitions []Partition `json:"partitions,omitempty"`
	Epoch      uint64      `json:"epoch,omitempty"`
	Offset     int64       `json:"offset"` // of its lowest record that is not done, or the next one; -1 for none
	Reason     string      `json:"reason"`
	SinceMS    int64       `json:"since_ms"`
	// Dump shows the partition's machine, the mailboxes and the stacks of all goroutines, cut to a bounded size. What
	// begins to stand still soon after something else comes without one.
	Dump string `json:"dump,omitempty"`
}

// ProgressResumed: what made no progress goes on, has explained itself, or has ended.
type ProgressResumed struct {
	Kind    string `json:"kind"`
	Actor   string `json:"actor"`
	Aspect  string `json:"aspect"`
	AfterMS int64  `json:"after_ms"`
}

// Ended: the processor has stopped. Unfinished names what did not finish in time.
type Ended struct {
	Error      string   `json:"error,omitempty"`
	DurationMS int64    `json:"duration_ms"`
	Unfinished []string `json:"unfinished,omitempty"`
}

// EventTime is an event and when it happened; it is what Config.OnEvent receives.
type EventTime struct {
	Time  time.Time
	Event Event
}

func (Assigned) EventName() string         { return "assigned" }
func (Revoked) EventName() string          { return "revoked" }
func (Lost) EventName() string             { return "lost" }
func (Started) EventName() string          { return "started" }
func (StartUnavailable) EventName() string { return "start-unavailable" }
func (OutOfRange) EventName() string       { return "out-of-range" }
func (TopicRecreated) EventName() string   { return "topic-recreated" }
func (MetadataIgnored) EventName() string  { return "metadata-ignored" }
func (Committed) EventName() string        { return "committed" }
func (CommitFailed) EventName() string     { return "commit-failed" }
func (Retried) EventName() string          { return "retried" }
func (KeyHeld) EventName() string          { return "key-held" }
func (KeyReleased) EventName() string      { return "key-released" }
func (Skipped) EventName() string          { return "skipped" }
func (DeadLettered) EventName() string     { return "dead-lettered" }
func (Dropped) EventName() string          { return "dropped" }
func (Panicked) EventName() string         { return "panicked" }
func (HandlerStuckFor) EventName() string  { return "handler-stuck" }
func (CauseChanged) EventName() string     { return "cause-changed" }
func (Stalled) EventName() string          { return "stalled" }
func (Resumed) EventName() string          { return "resumed" }
func (Paused) EventName() string           { return "paused" }
func (CircuitChanged) EventName() string   { return "circuit-changed" }
func (Restarted) EventName() string        { return "restarted" }
func (ClientTrouble) EventName() string    { return "client-trouble" }
func (NoProgress) EventName() string       { return "no-progress" }
func (ProgressResumed) EventName() string  { return "progress-resumed" }
func (Ended) EventName() string            { return "stopped" }

func (Assigned) event()         {}
func (Revoked) event()          {}
func (Lost) event()             {}
func (Started) event()          {}
func (StartUnavailable) event() {}
func (OutOfRange) event()       {}
func (TopicRecreated) event()   {}
func (MetadataIgnored) event()  {}
func (Committed) event()        {}
func (CommitFailed) event()     {}
func (Retried) event()          {}
func (KeyHeld) event()          {}
func (KeyReleased) event()      {}
func (Skipped) event()          {}
func (DeadLettered) event()     {}
func (Dropped) event()          {}
func (Panicked) event()         {}
func (HandlerStuckFor) event()  {}
func (CauseChanged) event()     {}
func (Stalled) event()          {}
func (Resumed) event()          {}
func (Paused) event()           {}
func (CircuitChanged) event()   {}
func (Restarted) event()        {}
func (ClientTrouble) event()    {}
func (NoProgress) event()       {}
func (ProgressResumed) event()  {}
func (Ended) event()            {}
