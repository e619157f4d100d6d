package troupe

import "github.com/troupe-go/troupe/internal/kafka/clients"

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

// cProcessors are those that a program has besides the machine's for goroutines that wait in C: one in librdkafka's poll and one
// for its log most of the time, others for moments. The scheduler takes such a goroutine's processor away only after up to 10 ms.
const cProcessors = 2

// GoProcessors is what to give runtime.GOMAXPROCS in a program whose handlers wait for I/O and are many: by default, what it is
// by itself. A program on the client "confluent" (or "", where that is the default) has two more, or handlers that could go on
// find no processor while goroutines of the client wait in C. On two cores and with 1,000 handlers at once that is a twentieth
// of the throughput. The service does this by itself, unless GOMAXPROCS is set; New does not, because the program is not its
// own, and because Go then follows a container's limits no more.
func GoProcessors(client string, byDefault int) int {
	if client == "" {
		client = clients.Default()
	}
	if client == clients.Confluent {
		return byDefault + cProcessors
	}
	return byDefault
}
