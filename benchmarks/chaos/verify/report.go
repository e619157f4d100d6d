package verify

import "fmt"

// Report is what a check found.
type Report struct {
	Acknowledged  int64 `json:"acknowledged"`
	Indeterminate int64 `json:"indeterminate"` // in the input, without an acknowledgement
	Outputs       int64 `json:"outputs"`
	DeadLetters   int64 `json:"dead_letters"`
	Commits       int64 `json:"commits"`
	Generations   int64 `json:"generations"`

	Lost        int64 `json:"lost"`
	Unseen      int64 `json:"unseen"`
	OutOfOrder  int64 `json:"out_of_order"`
	Corrupted   int64 `json:"corrupted"`
	Phantom     int64 `json:"phantom"`
	Misdirected int64 `json:"misdirected"`
	// BrokerLost are acknowledged records that are not in the input: the brokers' fault.
	BrokerLost int64 `json:"broker_lost"`

	// Duplicates are Replayed, Late, Resent, ReadOn and Unexplained together.
	Duplicates  int64 `json:"duplicates"`
	Replayed    int64 `json:"replayed"`
	Late        int64 `json:"late"`
	Resent      int64 `json:"resent"`
	ReadOn      int64 `json:"read_on"`
	Unexplained int64 `json:"unexplained"`
	// ReplayBound is how many records were out and not committed when the group changed because of a fault, LateBound how
	// many were in the input and not out when a member was cut off or frozen, ResentBound how many were out and not committed
	// when acknowledgements may have been lost.
	ReplayBound int64 `json:"replay_bound"`
	LateBound   int64 `json:"late_bound"`
	ResentBound int64 `json:"resent_bound"`

	// CommitsBeyond are commits whose metadata says what was done beyond their offset. Spared are the records that were out at
	// a change of the group because of a fault, not below the committed offset, and named there: they must not come again.
	CommitsBeyond int64 `json:"commits_beyond"`
	Spared        int64 `json:"spared"`

	EarlyCommits   int64 `json:"early_commits"`
	BackwardCommit int64 `json:"backward_commits"`
	ZombieCommits  int64 `json:"zombie_commits"`
	// Undrained is the number of offsets that are not committed at the end.
	Undrained int64 `json:"undrained"`
	// Overcommitted is the number of partitions with a commit beyond their end.
	Overcommitted int64 `json:"overcommitted"`

	// The longest times during which there was work and nothing came out, of any partition and of one.
	LongestGapMS          int64 `json:"longest_gap_ms"`
	LongestPartitionGapMS int64 `json:"longest_partition_gap_ms"`
	LongestGapPartition   int32 `json:"longest_gap_partition"`

	Recoveries []Recovery `json:"recoveries"`
	// Examples are some of each anomaly.
	Examples map[string][]string `json:"examples,omitempty"`
}

// Recovery is how long after a fault's end things were as before it; -1 where they never were.
type Recovery struct {
	Fault         string `json:"fault"`
	FirstOutputMS int64  `json:"first_output_ms"`
	LagMS         int64  `json:"lag_ms"`
}

// examples is how many of each anomaly a report names.
const examples = 5

func (r *Report) example(anomaly string, format string, args ...any) {
	if r.Examples == nil {
		r.Examples = make(map[string][]string)
	}
	if len(r.Examples[anomaly]) < examples {
		r.Examples[anomaly] = append(r.Examples[anomaly], fmt.Sprintf(format, args...))
	}
}

// Bound is how many duplicates the faults allow in all.
func (r Report) Bound() int64 { return r.ReplayBound + r.LateBound + r.ResentBound }

// Violations are the promises that were not kept, in words; none when all were.
func (r Report) Violations() []string {
	var found []string
	for _, v := range []struct {
		count int64
		what  string
	}{
		{r.Lost, "lost"},
		{r.Unseen, "unseen"},
		{r.Unexplained, "unexplained duplicates"},
		{r.OutOfOrder, "out of order"},
		{r.Corrupted, "corrupted"},
		{r.Phantom, "phantom"},
		{r.Misdirected, "misdirected"},
		{r.BrokerLost, "lost by the brokers"},
		{r.EarlyCommits, "early commits"},
		{r.BackwardCommit, "commits that went back"},
		{r.ZombieCommits, "commits of a zombie"},
		{r.Undrained, "offsets not committed at the end"},
		{r.Overcommitted, "partitions committed beyond their end"},
		{max(0, r.Replayed-r.ReplayBound), "replayed beyond the bound"},
		{max(0, r.Late-r.LateBound), "late beyond the bound"},
		{max(0, r.Resent-r.ResentBound), "resent beyond the bound"},
	} {
		if v.count > 0 {
			found = append(found, fmt.Sprintf("%d %s", v.count, v.what))
		}
	}
	if r.Acknowledged == 0 {
		found = append(found, "no record was acknowledged")
	}
	return found
}
