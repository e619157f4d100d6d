package smoke

import (
	"context"
	"fmt"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/benchmarks/harness"
	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// prefetchBytes is troupe's own default: a quarter of its memory.
const prefetchBytes = 64 << 20

// drainBare reads the records with a poll loop that does nothing else: no offsets are kept, none committed. The client has
// the properties that troupe gives it.
func drainBare(ctx context.Context, t Task) (harness.Cost, error) {
	table := properties.New()
	consumer := table.Split(map[string]string{"bootstrap.servers": t.Bootstrap, "group.id": t.Group}, nil).Consumer
	table.Fill(consumer, "queued.max.messages.kbytes", properties.PrefetchKilobytes(prefetchBytes))
	config := ck.ConfigMap{"enable.auto.commit": false, "enable.auto.offset.store": false}
	for name, value := range consumer {
		config[name] = value
	}
	client, err := ck.NewConsumer(&config)
	if err != nil {
		return harness.Cost{}, fmt.Errorf("make the consumer: %w", err)
	}
	cost, err := pollBare(ctx, client, t.Load.Records)
	if closing := client.Close(); err == nil && closing != nil {
		err = fmt.Errorf("close the consumer: %w", closing)
	}
	return cost, err
}

func pollBare(ctx context.Context, client *ck.Consumer, records int64) (harness.Cost, error) {
	if err := client.SubscribeTopics([]string{topic}, nil); err != nil {
		return harness.Cost{}, fmt.Errorf("subscribe: %w", err)
	}
	var (
		start        harness.Point
		count, bytes int64
	)
	for count < records {
		switch event := client.Poll(100).(type) {
		case *ck.Message:
			if event.TopicPartition.Error != nil {
				return harness.Cost{}, fmt.Errorf("read %s: %w", event.TopicPartition, event.TopicPartition.Error)
			}
			if count == 0 {
				point, err := harness.Read()
				if err != nil {
					return harness.Cost{}, err
				}
				start = point
			}
			count++
			bytes += int64(len(event.Value))
		case ck.Error:
			if event.IsFatal() {
				return harness.Cost{}, event
			}
		default: // nothing came
			if err := ctx.Err(); err != nil {
				return harness.Cost{}, err
			}
		}
	}
	end, err := harness.Read()
	return end.Since(start, count, bytes), err
}

// clientVersion names the Kafka client.
func clientVersion() string {
	_, version := ck.LibraryVersion()
	return "librdkafka " + version
}
