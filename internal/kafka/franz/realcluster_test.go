//go:build realcluster

package franz_test

import (
	"testing"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

func TestRealKafkaCluster(t *testing.T) {
	t.Parallel()
	kafkatest.RunRealCluster(t, adapter())
}
