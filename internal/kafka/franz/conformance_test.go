package franz_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/franz"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

func adapter() kafkatest.Adapter {
	return kafkatest.Adapter{
		New: func(properties map[string]string, logger *slog.Logger) (kafka.Client, error) {
			return franz.New(franz.Options{Kafka: properties, Logger: logger})
		},
		FetchWait: 10 * time.Millisecond,
		Facts: func(p kafkatest.Protocol) kafkatest.Facts {
			return kafkatest.Facts{
				Recreation:          kafkatest.RecreationHalts,
				RestartMayRebalance: p == kafkatest.ClassicEager,
			}
		},
	}
}

func TestEmbeddedBroker(t *testing.T) {
	t.Parallel()
	kafkatest.RunEmbedded(t, adapter())
}

func TestClusterOfEmbeddedBrokers(t *testing.T) {
	t.Parallel()
	kafkatest.RunEmbeddedCluster(t, adapter())
}
