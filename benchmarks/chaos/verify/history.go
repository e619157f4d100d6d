package verify

// History is what is in the logs when all is over.
type History struct {
	Inputs []Input
	Copies []Copy // by topic, partition and offset, in that order
	// Commits of the input's partitions, each partition's in the order of the offsets log.
	Commits []Commit
	// Generations are the changes of the group, by time.
	Generations []Generation
	// Ends of the input, and Committed, which leaves out a partition without a commit.
	Ends, Committed map[int32]int64
}

// Input is a record of the input topic.
type Input struct {
	ID
	Partition int32
	Offset    int64
	AtMS      int64 // of the append
	Sum       uint64
	Poison    bool
}

// Copy is a record of the output or of the dead-letter topic.
type Copy struct {
	ID
	Dead      bool
	Partition int32 // where the copy lies, not its original
	Offset    int64
	AtMS      int64 // of the append
	// Producer is the id that the broker gave to the producer: another one, another process or another life.
	Producer int64
	Sum      uint64
	// Broken says why it cannot be a record of the load; empty for those that can.
	Broken string
	// Foreign copies are sound, but of another run.
	Foreign bool
}

// Commit is one commit of one partition, as the offsets log holds it.
type Commit struct {
	Partition int32
	Offset    int64
	AtMS      int64
	// Done is what its metadata says was done beyond Offset, ascending.
	Done []Run
}

// Generation is a change of the group: a generation of the classic protocol, an epoch of the consumer protocol.
type Generation struct {
	Number int32
	AtMS   int64
}
