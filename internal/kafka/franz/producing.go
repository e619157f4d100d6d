package franz

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// producing gives the options of clients that write.
func (g given) producing() ([]kgo.Opt, error) {
	spread, known := newPartitioner(g.text("partitioner"))
	if !known {
		return nil, fmt.Errorf("partitioner: %q is not known", g.text("partitioner"))
	}
	least, _ := g.metadataAges()
	options := []kgo.Opt{
		kgo.RecordPartitioner(spread),
		kgo.ProducerBatchCompression(g.codec()),
		kgo.MaxBufferedRecords(math.MaxInt32), // the adapter has a bound of its own
		kgo.ProduceRequestTimeout(max(g.millis("request.timeout.ms", 30_000), 100*time.Millisecond)),
		// The library counts the times that a topic was not there, not the time.
		kgo.UnknownTopicRetries(int(g.millis("topic.metadata.propagation.max.ms", 30_000) / min(least, 250*time.Millisecond))),
		kgo.TransactionTimeout(g.millis("transaction.timeout.ms", 60_000)),
	}
	options = append(options, g.acks()...)
	if retries := g.whole("message.send.max.retries", math.MaxInt32); retries < math.MaxInt32 {
		options = append(options, kgo.RecordRetries(int(retries)))
	}
	if g.yes("allow.auto.create.topics", true) {
		options = append(options, kgo.AllowAutoTopicCreation())
	}
	return options, nil
}

// acks says whose acknowledgement counts. Idempotence keeps the order with up to five requests on their way; without it,
// only one at a time does.
func (g given) acks() []kgo.Opt {
	var options []kgo.Opt
	switch g.text("request.required.acks") {
	case "0":
		options = append(options, kgo.RequiredAcks(kgo.NoAck()))
	case "", "all", "-1":
		options = append(options, kgo.RequiredAcks(kgo.AllISRAcks()))
	default:
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()))
	}
	if g.yes("enable.idempotence", false) {
		return options
	}
	return append(options, kgo.DisableIdempotentWrite(),
		kgo.MaxProduceRequestsInflightPerBroker(int(g.whole("max.in.flight.requests.per.connection", 1))))
}

func (g given) codec() kgo.CompressionCodec {
	codec, known := map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[strings.ToLower(g.text("compression.codec"))]
	if !known {
		return kgo.NoCompression()
	}
	if level := g.whole("compression.level", -1); level >= 0 {
		codec = codec.WithLevel(int(level))
	}
	return codec
}

func (g given) linger() time.Duration {
	millis, err := strconv.ParseFloat(g.text("queue.buffering.max.ms"), 64)
	if err != nil || millis < 0 {
		return 0
	}
	return min(time.Duration(millis*float64(time.Millisecond)), time.Minute)
}

// batchBytes is batch.size, in the range that the library takes.
func (g given) batchBytes() int64 {
	return min(max(g.whole("batch.size", 1_000_000), 4<<10), g.limits().message+1<<20, 1<<30)
}

// limits are those of the queue, with librdkafka's defaults.
func (g given) limits() limits {
	return limits{
		messages: g.whole("queue.buffering.max.messages", 100_000),
		bytes:    g.whole("queue.buffering.max.kbytes", 1<<20) << 10,
		message:  g.whole("message.max.bytes", 1_000_000),
	}
}
