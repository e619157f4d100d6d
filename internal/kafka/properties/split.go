package properties

import (
	"maps"
	"strconv"
	"strings"
)

// Clients are the properties of each kind of client.
type Clients struct {
	Consumer, Producer, Admin map[string]string
}

// Split gives every kind of client its share of the properties, by their scopes, with troupe's defaults where the user
// has set nothing. The overrides concern producers only. Properties that Check refuses are passed on unchanged.
func (t *Table) Split(kafka, producerOverrides map[string]string) Clients {
	c := Clients{Consumer: map[string]string{}, Producer: map[string]string{}, Admin: map[string]string{}}
	for name, value := range kafka {
		switch scope, _ := t.Scope(name); scope {
		case Consumer:
			c.Consumer[name] = value
		case Producer:
			c.Producer[name] = value
		case Both:
			c.Consumer[name], c.Producer[name], c.Admin[name] = value, value, value
		}
	}
	for name, value := range producerOverrides {
		t.unset(c.Producer, name)
		c.Producer[name] = value
	}
	t.fill(c.Consumer, consumerDefaults(c.Consumer))
	t.fill(c.Producer, producerDefaults())
	t.fill(c.Admin, map[string]string{"enable.metrics.push": "false"})
	return c
}

// Fill sets in properties what is not set yet, under either of its names.
func (t *Table) Fill(properties map[string]string, name, value string) {
	t.fill(properties, map[string]string{name: value})
}

func (t *Table) fill(properties, defaults map[string]string) {
	set := make(map[string]bool, len(properties))
	for name := range properties {
		set[t.canonical(name)] = true
	}
	for name, value := range defaults {
		if !set[t.canonical(name)] {
			properties[name] = value
		}
	}
}

// unset removes a property under both of its names.
func (t *Table) unset(properties map[string]string, name string) {
	maps.DeleteFunc(properties, func(other, _ string) bool { return t.canonical(other) == t.canonical(name) })
}

// consumerDefaults keep memory low and throughput high: librdkafka's own let a partition rest for a whole second once its
// queue was full (fetch.queue.backoff.ms) and find new topics and partitions only after five minutes. After an outage it may
// wait ten seconds before it connects again, and a member that was given up hears of it only then.
func consumerDefaults(given map[string]string) map[string]string {
	defaults := map[string]string{
		"auto.offset.reset":                  "earliest",
		"isolation.level":                    "read_committed",
		"queued.min.messages":                "10000",
		"fetch.queue.backoff.ms":             "10",
		"topic.metadata.refresh.interval.ms": "10000",
		"reconnect.backoff.max.ms":           "2000",
		"enable.metrics.push":                "false",
	}
	if !strings.EqualFold(given["group.protocol"], "consumer") {
		defaults["partition.assignment.strategy"] = "cooperative-sticky"
	}
	return defaults
}

// producerDefaults make an acknowledgement mean "written for good, once and in order", and put records where a Java
// client would. How large a message may be is the topic's affair: what was read must be writable, and the library's own
// limit is below the brokers' default.
func producerDefaults() map[string]string {
	return map[string]string{
		"acks":                     "all",
		"enable.idempotence":       "true",
		"compression.type":         "lz4",
		"batch.size":               "65536",
		"linger.ms":                "5",
		"retry.backoff.ms":         "500",
		"reconnect.backoff.max.ms": "2000",
		"partitioner":              "murmur2_random",
		"message.timeout.ms":       "0",
		"message.max.bytes":        "67108864",
		"enable.metrics.push":      "false",
	}
}

// Whole reads a whole number, or gives otherwise where there is none.
func Whole(properties map[string]string, name string, otherwise int64) int64 {
	return whole(properties, name, otherwise)
}

// PrefetchKilobytes turns a number of bytes into the unit and range of queued.max.messages.kbytes.
func PrefetchKilobytes(bytes int64) string {
	return strconv.FormatInt(min(max(bytes>>10, 1), 2_097_151), 10)
}
