package franz_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

// protocols gives this adapter in each protocol of the group.
func protocols(t *testing.T, bootstrap string) map[string]kafkatest.Backend {
	t.Helper()
	return map[string]kafkatest.Backend{
		"Cooperative": backend(t, bootstrap, nil, classicFacts()),
		"Eager":       backend(t, bootstrap, map[string]string{"partition.assignment.strategy": "range"}, eagerFacts()),
		"Consumer":    backend(t, bootstrap, map[string]string{"group.protocol": "consumer"}, consumerFacts()),
	}
}

func TestClusterOfEmbeddedBrokers(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.NewEmbeddedCluster(t, fastGroups())
	kafkatest.RunCluster(t, cluster, protocols(t, cluster.Bootstrap()))
}

func classicFacts() kafkatest.Facts {
	return kafkatest.Facts{
		MissingTopicTrouble: true, EvictedByGeneration: true, SessionTimeout: true, SmallestPollInterval: 6 * time.Second,
		Recreation: kafkatest.RecreationHalts,
	}
}

func eagerFacts() kafkatest.Facts {
	facts := classicFacts()
	facts.Eager, facts.RestartMayRebalance = true, true
	return facts
}

func consumerFacts() kafkatest.Facts {
	return kafkatest.Facts{
		NewcomerFenced: true, Recreation: kafkatest.RecreationReassigns,
		SmallestPollInterval: 6 * time.Second,
	}
}
