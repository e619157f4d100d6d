package confluent_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/confluent"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

func adapter() kafkatest.Adapter {
	return kafkatest.Adapter{
		New: func(properties map[string]string, logger *slog.Logger) (kafka.Client, error) {
			return confluent.New(confluent.Options{Kafka: properties, Logger: logger})
		},
		FetchWait: 50 * time.Millisecond,
		Facts: func(p kafkatest.Protocol) kafkatest.Facts {
			return kafkatest.Facts{
				GivenUpOutside:   true,
				FatalNeverCloses: true,
				WholeNameRegex:   p == kafkatest.ConsumerProtocol,
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
