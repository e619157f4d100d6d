package verify

import "time"

// Script is what was done to the pipeline while the load flowed, as far as the check has to know.
type Script struct {
	Brokers     []string `json:"brokers"`
	Run         string   `json:"run"`
	Group       string   `json:"group"`
	Input       string   `json:"input"`
	Output      string   `json:"output"`
	DeadLetters string   `json:"dead_letters"`
	// Order is what the pipeline keeps in order.
	Order string `json:"order"`
	// OffsetsFrom is where the offsets log ended, by partition, before the group existed.
	OffsetsFrom map[int32]int64 `json:"offsets_from"`
	Faults      []Fault         `json:"faults"`
	Zombies     []Zombie        `json:"zombies,omitempty"`
	// GraceMS is how long after the end of a fault the group may change because of it.
	GraceMS int64 `json:"grace_ms"`
}

// The orders, as the pipeline's setting names them: that of each partition, that of each key, none.
const (
	ByPartition = "partition"
	ByKey       = "key"
	Unordered   = "unordered"
)

// Fault is one thing that was done, all times in milliseconds since 1970.
type Fault struct {
	Name    string `json:"name"`
	StartMS int64  `json:"start_ms"`
	EndMS   int64  `json:"end_ms"`
	// Clean faults must repeat nothing: clean stops, and members that join and leave.
	Clean bool `json:"clean"`
	// Crash is set where a member was killed: only what it had written itself can come out again.
	Crash bool `json:"crash,omitempty"`
	// UnsureUntilMS is set where acknowledgements up to that time may have been lost on the way to producers that live, which
	// write again what was not acknowledged to them.
	UnsureUntilMS int64 `json:"unsure_until_ms,omitempty"`
	// LateUntilMS is set where a member is cut off or frozen and lives: records that were in the input at that time may
	// have been on their way in it, and come out once more when it is back.
	LateUntilMS int64 `json:"late_until_ms,omitempty"`
}

// Zombie is a member that was frozen until its session was over.
type Zombie struct {
	Name      string `json:"name"`
	FrozenMS  int64  `json:"frozen_ms"`
	ThawedMS  int64  `json:"thawed_ms"`
	Successes []Mark `json:"successes"` // commits that it reported after the thaw for what it had owned before the freeze
}

// Mark is a commit of one partition as a member reported it.
type Mark struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// Milliseconds is a time as the check counts it.
func Milliseconds(t time.Time) int64 { return t.UnixMilli() }
