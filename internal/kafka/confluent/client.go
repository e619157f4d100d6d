package confluent

import (
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// Options say how to make clients.
type Options struct {
	// Kafka holds the user's properties under librdkafka's names, for all kinds of client.
	Kafka map[string]string
	// Producer overrides those of producers.
	Producer map[string]string
	// PrefetchBytes bounds the keys and values that each consumer fetches ahead, unless the user has set
	// queued.max.messages.kbytes. Zero leaves librdkafka's 64 MiB.
	PrefetchBytes int64
	// Logger receives librdkafka's log, almost all of it at level debug. Defaults to slog.Default().
	Logger *slog.Logger
}

// Client makes consumers, producers and admins. It holds no connection itself.
type Client struct {
	split  properties.Clients
	reset  kafka.Reset
	logger *slog.Logger
}

var _ kafka.Client = (*Client)(nil)

// PropertiesError is a set of properties that no client can be made from.
type PropertiesError = properties.Error

// New checks the properties, all of them, and gives a *PropertiesError where they are wrong. It connects to nothing.
func New(o Options) (*Client, error) {
	table := properties.New()
	faults := append(table.Check(o.Kafka), table.CheckProducer(o.Producer)...)
	if len(faults) > 0 {
		return nil, &PropertiesError{Faults: faults}
	}
	split := table.Split(o.Kafka, o.Producer)
	if o.PrefetchBytes > 0 {
		table.Fill(split.Consumer, "queued.max.messages.kbytes", properties.PrefetchKilobytes(o.PrefetchBytes))
		limitAnswers(split.Consumer, o.PrefetchBytes)
	}
	reset, err := kafka.ParseReset(split.Consumer["auto.offset.reset"])
	if err != nil {
		return nil, err
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.Default()
	}
	return &Client{split: split, reset: reset, logger: logger}, nil
}

// An answer of a broker is this part of what may be fetched ahead, in these limits.
const (
	answerPart = 256
	answerMin  = 64 << 10
	answerMax  = 1 << 20
)

// limitAnswers bounds what one answer of a broker adds to a queue that is nearly full, unless the user has done so. The limit
// is one of compressed bytes, and librdkafka takes none of what they become in memory: batches that are compressed a thousand
// times become four times what may be fetched ahead.
func limitAnswers(consumer map[string]string, prefetch int64) {
	if consumer["fetch.max.bytes"] != "" {
		return
	}
	answer := min(max(prefetch/answerPart, answerMin), answerMax)
	consumer["fetch.max.bytes"] = strconv.FormatInt(answer, 10)
	// Of no effect on a consumer, but that the library wants it to be no larger than an answer. A single batch may be.
	consumer["message.max.bytes"] = strconv.FormatInt(min(properties.Whole(consumer, "message.max.bytes", answer), answer), 10)
}

// Reset is what auto.offset.reset says.
func (c *Client) Reset() kafka.Reset { return c.reset }

// Group is the group.id.
func (c *Client) Group() string { return c.split.Consumer["group.id"] }

// MaxPollInterval is max.poll.interval.ms.
func (c *Client) MaxPollInterval() time.Duration {
	return time.Duration(properties.Whole(c.split.Consumer, "max.poll.interval.ms", 300_000)) * time.Millisecond
}

// Consumer makes a consumer. The id makes the client.id and the group.instance.id of several consumers differ.
func (c *Client) Consumer(id string, outside kafka.OutOfRange) (kafka.Consumer, error) {
	given := maps.Clone(c.split.Consumer)
	if instance := given["group.instance.id"]; instance != "" && id != "" {
		given["group.instance.id"] = instance + "-" + id
	}
	given["enable.auto.commit"] = "false"
	given["enable.auto.offset.store"] = "false"
	given["auto.offset.reset"] = "earliest" // also for latest: see the package comment
	if outside == kafka.OutOfRangeStop {
		given["auto.offset.reset"] = "error"
	}
	if properties.Whole(given, "log_level", levelWarning) < levelWarning {
		given["log_level"] = strconv.Itoa(levelWarning) // see resets
	}
	logs := newLogs(c.logger)
	config := configure(given, id, logs)
	client, err := ck.NewConsumer(config)
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make the Kafka consumer %s: %w", id, err)
	}
	admin, err := ck.NewAdminClientFromConsumer(client)
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make the Kafka consumer %s: %w", id, err)
	}
	return newConsumer(client, admin, given, logs), nil
}

// Producer makes a producer.
func (c *Client) Producer(id string, on kafka.OnDelivery) (kafka.Producer, error) {
	logs := newLogs(c.logger)
	config := configure(c.split.Producer, id, logs)
	_ = config.SetKey("go.delivery.report.fields", "none")
	_ = config.SetKey("go.events.channel.size", reportBacklog)
	_ = config.SetKey("go.produce.channel.size", 0)
	client, err := ck.NewProducer(config)
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make the Kafka producer %s: %w", id, err)
	}
	return newProducer(client, on, logs, c.logger), nil
}

// Admin makes an admin.
func (c *Client) Admin() (kafka.Admin, error) {
	logs := newLogs(c.logger)
	client, err := ck.NewAdminClient(configure(c.split.Admin, "admin", logs))
	if err != nil {
		logs.stop()
		return nil, fmt.Errorf("make the Kafka admin client: %w", err)
	}
	return &admin{
		client: client, logs: logs, lookup: lookup{client: client, isolation: isolation(c.split.Consumer)},
		gate: newGate(),
	}, nil
}

func configure(given map[string]string, id string, logs *logs) *ck.ConfigMap {
	config := ck.ConfigMap{"go.logs.channel.enable": true, "go.logs.channel": logs.events}
	for name, value := range given {
		config[name] = value
	}
	if _, set := given["client.id"]; !set {
		config["client.id"] = strings.TrimSuffix("troupe-"+id, "-")
	}
	return &config
}

func isolation(consumer map[string]string) ck.IsolationLevel {
	if strings.EqualFold(consumer["isolation.level"], "read_uncommitted") {
		return ck.IsolationLevelReadUncommitted
	}
	return ck.IsolationLevelReadCommitted
}
