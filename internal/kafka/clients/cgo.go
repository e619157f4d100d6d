//go:build cgo

package clients

import (
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/confluent"
)

// native are the clients that need cgo.
func native() []maker { return []maker{{Confluent, makeConfluent}} }

func makeConfluent(o Options) (kafka.Client, error) {
	client, err := confluent.New(confluent.Options{Kafka: o.Kafka, Producer: o.Producer, PrefetchBytes: o.PrefetchBytes, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	return client, nil
}
