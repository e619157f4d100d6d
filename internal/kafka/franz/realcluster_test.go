//go:build realcluster

package franz_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

func TestRealKafkaCluster(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.NewRealCluster(t)
	backends := protocols(t, cluster.Bootstrap())
	for name, b := range backends {
		b.Facts.Takeover = 90 * time.Second
		backends[name] = b
	}
	kafkatest.RunCluster(t, cluster, backends)
}
