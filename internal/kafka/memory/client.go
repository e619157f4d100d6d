package memory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
)

// Client makes a client of the broker. Of the properties, under librdkafka's names, it heeds those that change what the
// port shows: auto.offset.reset, max.poll.interval.ms, session.timeout.ms, partition.assignment.strategy (range and
// roundrobin are eager), group.protocol, group.id where group is empty, message.max.bytes, message.timeout.ms,
// queue.buffering.max.messages and linger.ms (by default none). A value that cannot be read is the error of Consumer and Producer.
func (b *Broker) Client(group string, properties map[string]string) kafka.Client {
	if group == "" {
		group = properties["group.id"]
	}
	s, err := readSettings(properties)
	return &client{broker: b, group: group, settings: s, err: err}
}

// client makes consumers, producers and admins with one set of settings.
type client struct {
	broker   *Broker
	group    string
	settings settings
	err      error
}

// settings are the properties, read.
type settings struct {
	reset          kafka.Reset
	maxPoll        time.Duration
	session        time.Duration
	eager          bool
	messageBytes   int64
	messageTimeout time.Duration // 0: for ever
	linger         time.Duration
	queueMessages  int
}

func readSettings(properties map[string]string) (settings, error) {
	var faults []error
	number := func(name string, preset int64) int64 {
		text, ok := properties[name]
		if !ok {
			return preset
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			faults = append(faults, fmt.Errorf("%s: %q is no whole number from 0 on", name, text))
		}
		return n
	}
	milliseconds := func(name string, preset int64) time.Duration {
		return time.Duration(number(name, preset)) * time.Millisecond
	}
	reset, err := kafka.ParseReset(properties["auto.offset.reset"])
	faults = append(faults, err)
	linger, err := strconv.ParseFloat(cmp.Or(properties["linger.ms"], "0"), 64)
	if err != nil || linger < 0 || linger > 900_000 {
		faults = append(faults, fmt.Errorf("linger.ms: %q is no number from 0 to 900000", properties["linger.ms"]))
	}
	strategies := strings.Split(properties["partition.assignment.strategy"], ",")
	return settings{
		reset:          reset,
		maxPoll:        milliseconds("max.poll.interval.ms", 300_000),
		session:        milliseconds("session.timeout.ms", 45_000),
		eager:          slices.Contains(strategies, "range") || slices.Contains(strategies, "roundrobin"),
		messageBytes:   number("message.max.bytes", 1_000_000),
		messageTimeout: milliseconds("message.timeout.ms", 300_000),
		linger:         time.Duration(linger * float64(time.Millisecond)),
		queueMessages:  int(number("queue.buffering.max.messages", 100_000)),
	}, errors.Join(faults...)
}

// Consumer makes a member of the group; it joins with Subscribe.
func (c *client) Consumer(id string, outside kafka.OutOfRange) (kafka.Consumer, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.group == "" {
		return nil, errors.New("group.id: a consumer needs one")
	}
	return newConsumer(c.broker, id, c.group, c.settings, outside), nil
}

// Producer makes a producer that reports to on.
func (c *client) Producer(_ string, on kafka.OnDelivery) (kafka.Producer, error) {
	if c.err != nil {
		return nil, c.err
	}
	return newProducer(c.broker, c.settings, on), nil
}

// Admin makes an admin.
func (c *client) Admin() (kafka.Admin, error) {
	return &admin{broker: c.broker, closed: make(chan struct{})}, c.err
}

// Reset is what auto.offset.reset says.
func (c *client) Reset() kafka.Reset { return c.settings.reset }

// Group is the group.id.
func (c *client) Group() string { return c.group }

// MaxPollInterval is max.poll.interval.ms.
func (c *client) MaxPollInterval() time.Duration { return c.settings.maxPoll }
