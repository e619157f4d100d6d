// Package embedded runs a Kafka broker and a schema registry inside the process, so that the demo, the tests and the
// benchmarks need no installation.
//
// Both are fakes that speak the real protocols (kfake and srfake of the franz-go project): groups of both protocols,
// transactions, ACLs, SASL and persistence work. What they prove is proved again on a real Apache Kafka by the tests
// that "make test-kafka" runs. Known differences:
//
//   - a rebalance is faster, since the broker does not wait for more members to come;
//   - a commit whose metadata is longer than [MetadataLimit] is refused as a whole, where Kafka refuses its partition;
//   - the registry takes every version of a schema as compatible, and gives GUIDs of its own;
//   - it keeps its schemas in the data folder, but no deleted versions, compatibility levels or modes.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// MetadataLimit is the most bytes of metadata that a committed offset may carry, Kafka's default.
const MetadataLimit = 4096

// Options say what to start. The zero value is one broker and a registry, in memory, on free ports.
type Options struct {
	// DataDir keeps topics, groups and schemas from one start to the next. It must not be used by two brokers at once.
	// Defaults to memory only.
	DataDir string
	// KafkaPort and RegistryPort are ports on 127.0.0.1. Default to free ones. With several brokers KafkaPort is the first
	// one's and the others follow it.
	KafkaPort, RegistryPort int
	// NoRegistry starts the broker alone.
	NoRegistry bool
	// Brokers is the number of brokers. Defaults to 1.
	Brokers int
	// Topics to have, with their number of partitions.
	Topics map[string]int32
	// AutoCreate lets clients create topics by asking for them.
	AutoCreate bool
	// Partitions is the number of partitions of topics created without one. Defaults to 10.
	Partitions int
	// Config holds settings of the broker under Kafka's names, such as message.max.bytes.
	Config map[string]string
	// Users switches authentication (SASL PLAIN) and authorisation on. Defaults to neither.
	Users []User
	// Synthetic serves canned records instead of what was produced, without end. Defaults to none.
	Synthetic *Synthetic
	// Listen makes the listener of each broker, in their order. Defaults to net.Listen.
	Listen func(network, address string) (net.Listener, error)
	// Logger receives the broker's warnings. Defaults to none.
	Logger *slog.Logger
}

// Synthetic makes every fetch answer with a copy of one batch that is built in advance, so that a benchmark measures the
// client and not the broker. Partitions have no end: the log's end is beyond any offset.
type Synthetic struct {
	// RecordBytes is the size of each value. Defaults to 100.
	RecordBytes int
	// Records in a batch. Defaults to what fits in 1 MB.
	Records int
}

// Broker is a running broker with its registry.
type Broker struct {
	cluster  *kfake.Cluster
	registry *registry
}

// Start starts a broker, and a registry beside it.
func Start(o Options) (*Broker, error) {
	opts := clusterOptions(o)
	if o.DataDir != "" {
		dir := filepath.Join(o.DataDir, "kafka")
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("data folder of the embedded broker: %w", err)
		}
		opts = append(opts, kfake.DataDir(dir))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	cluster.Fault(metadataLimit())
	b := &Broker{cluster: cluster}
	if o.DataDir != "" {
		if err := b.createMissing(o); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	if !o.NoRegistry {
		if b.registry, err = startRegistry(o.RegistryPort, o.DataDir); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// Bootstrap is the value of bootstrap.servers.
func (b *Broker) Bootstrap() string {
	var list string
	for i, address := range b.cluster.ListenAddrs() {
		if i > 0 {
			list += ","
		}
		list += address
	}
	return list
}

// RegistryURL is the registry's base URL, or empty where none was started.
func (b *Broker) RegistryURL() string {
	if b.registry == nil {
		return ""
	}
	return b.registry.url
}

// Cluster is the fake cluster, for tests that inject faults.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Close stops both and writes what is kept in the data folder.
func (b *Broker) Close() error {
	b.cluster.Close()
	if b.registry == nil {
		return nil
	}
	return b.registry.close()
}

func clusterOptions(o Options) []kfake.Opt {
	brokers := max(o.Brokers, 1)
	opts := []kfake.Opt{kfake.NumBrokers(brokers), kfake.ClusterID("embedded")}
	if o.KafkaPort != 0 {
		ports := make([]int, brokers)
		for i := range ports {
			ports[i] = o.KafkaPort + i
		}
		opts = append(opts, kfake.Ports(ports...))
	}
	for topic, partitions := range o.Topics {
		opts = append(opts, kfake.SeedTopics(partitions, topic))
	}
	if o.AutoCreate {
		opts = append(opts, kfake.AllowAutoTopicCreation())
	}
	if o.Partitions > 0 {
		opts = append(opts, kfake.DefaultNumPartitions(o.Partitions))
	}
	if len(o.Config) > 0 {
		opts = append(opts, kfake.BrokerConfigs(o.Config))
	}
	if o.Listen != nil {
		opts = append(opts, kfake.ListenFn(o.Listen))
	}
	if o.Logger != nil {
		opts = append(opts, kfake.WithLogger(brokerLog{o.Logger}))
	}
	if s := o.Synthetic; s != nil {
		opts = append(opts, kfake.BlackholeProduce(),
			kfake.SyntheticFetch(kfake.SyntheticBatch{RecordBytes: s.RecordBytes, Records: s.Records}))
	}
	return append(opts, userOptions(o.Users)...)
}

// metadataLimit refuses commits as a broker does whose offset.metadata.max.bytes is at its default. The fake has no such
// limit by itself, and without it a processor would pass here that fails on a real broker.
func metadataLimit() kfake.Fault {
	tooLong := func(r kmsg.Request) bool {
		commit, ok := r.(*kmsg.OffsetCommitRequest)
		if !ok {
			return false
		}
		for i := range commit.Topics {
			for _, p := range commit.Topics[i].Partitions {
				if p.Metadata != nil && len(*p.Metadata) > MetadataLimit {
					return true
				}
			}
		}
		return false
	}
	return kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, When: tooLong, Err: kerr.OffsetMetadataTooLarge, Count: -1}
}

type brokerLog struct{ to *slog.Logger }

// Logf passes warnings and errors on; below that the fake logs every request.
func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.to.Error("embedded broker: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.to.Warn("embedded broker: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelNone, kfake.LogLevelInfo, kfake.LogLevelDebug:
	}
}
