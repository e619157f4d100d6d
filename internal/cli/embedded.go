package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/pipeline"
)

// embeddedPartitions is the number of partitions of topics in the embedded broker, unless the command says otherwise.
const embeddedPartitions = 12

// startEmbedded starts a broker with a registry, which has the topics that the pipeline names, and points the pipeline and
// its configuration to them. Topics that only a pattern matches are created by whoever writes to them.
func startEmbedded(p *pipeline.Pipeline, config *troupe.Config, logger *slog.Logger) (*embedded.Broker, error) {
	topics := make(map[string]int32)
	for _, topic := range append([]string{p.OutputTopic(), config.DeadLetter.Topic}, config.Topics...) {
		if topic != "" && !strings.HasPrefix(topic, "^") {
			topics[topic] = embeddedPartitions
		}
	}
	broker, err := embedded.Start(embedded.Options{
		Topics: topics, AutoCreate: true, Partitions: embeddedPartitions, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	config.Kafka = withoutSecurity(config.Kafka)
	delete(config.Kafka, "metadata.broker.list")
	config.Kafka["bootstrap.servers"] = broker.Bootstrap()
	config.Producer = withoutSecurity(config.Producer)
	p.UseRegistry(broker.RegistryURL())
	return broker, nil
}

// withoutSecurity leaves out how to log in elsewhere: the embedded broker knows neither users nor TLS.
func withoutSecurity(properties troupe.Properties) troupe.Properties {
	open := maps.Clone(properties)
	maps.DeleteFunc(open, func(name, _ string) bool {
		return name == "security.protocol" || strings.HasPrefix(name, "sasl.") || strings.HasPrefix(name, "ssl.") ||
			name == "enable.ssl.certificate.verification"
	})
	return open
}

func closeEmbedded(broker *embedded.Broker, err error) error {
	if broker == nil {
		return err
	}
	if closeErr := broker.Close(); closeErr != nil {
		return errors.Join(err, fmt.Errorf("closing the embedded broker: %w", closeErr))
	}
	return err
}
