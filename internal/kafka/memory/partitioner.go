package memory

// partitionOf is Java's choice for a key: murmur2, its sign cut off. Without a key messages go round in turn.
func partitionOf(key []byte, turn, partitions int) int {
	if key == nil {
		return turn % partitions
	}
	return int(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is the hash of Kafka's Java client (org.apache.kafka.common.utils.Utils).
func murmur2(data []byte) uint32 {
	const (
		seed  = 0x9747b28c
		m     = 0x5bd1e995
		shift = 24
	)
	h := seed ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> shift
		k *= m
		h = h*m ^ k
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
