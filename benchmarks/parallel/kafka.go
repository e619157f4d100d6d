package parallel

import "github.com/troupe-go/troupe/benchmarks/harness"

// KafkaConfig is where the broker runs.
type KafkaConfig = harness.KafkaConfig
