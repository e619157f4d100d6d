package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// createMissing creates the topics of o that a data folder from an earlier start does not hold: the fake creates topics
// only when it starts empty.
func (b *Broker) createMissing(o Options) error {
	if len(o.Topics) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	opts := []kgo.Opt{kgo.SeedBrokers(b.cluster.ListenAddrs()...)}
	for _, u := range o.Users {
		if u.Super {
			opts = append(opts, kgo.SASL(plain.Auth{User: u.Name, Pass: u.Password}.AsMechanism()))
			break
		}
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("create topics of the embedded broker: %w", err)
	}
	defer client.Close()
	for topic, partitions := range o.Topics {
		_, err := kadm.NewClient(client).CreateTopic(ctx, partitions, -1, nil, topic)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s of the embedded broker: %w", topic, err)
		}
	}
	return nil
}
