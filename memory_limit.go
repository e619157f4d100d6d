package troupe

// What Go's heap may have beside the records of the budget: a quarter as much again for what is on the way (batches of the
// client, decoded values), and memoryBase for the program itself.
const (
	memoryPart = 4
	memoryBase = 32 << 20
)

// GoMemoryLimit is what to give debug.SetMemoryLimit in a program whose memory is for a processor with this Config.Memory: Go's
// collector then works harder instead of letting garbage add up to as much as the records. The service does this by itself;
// New does not, because a program may have other things in memory.
func GoMemoryLimit(memory int64) int64 { return memory + memory/memoryPart + memoryBase }
