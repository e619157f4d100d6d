package franz

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// given are the properties of one kind of client, read by either of their names.
type given struct {
	properties map[string]string
	table      *properties.Table
}

func (g given) text(name string) string { return g.table.Value(g.properties, name) }

func (g given) whole(name string, otherwise int64) int64 {
	return properties.Whole(map[string]string{name: g.text(name)}, name, otherwise)
}

func (g given) millis(name string, otherwise int64) time.Duration {
	return time.Duration(g.whole(name, otherwise)) * time.Millisecond
}

// yes reads a truth value; otherwise is what holds when it is not set.
func (g given) yes(name string, otherwise bool) bool {
	switch strings.ToLower(g.text(name)) {
	case "":
		return otherwise
	case "true", "t", "1":
		return true
	default:
		return false
	}
}

const (
	// commitTimeout ends the retries of a commit soon, for the caller repeats it, merged with what was done meanwhile.
	commitTimeout = 10 * time.Second
	// requestTimeout ends those of other requests.
	requestTimeout = 30 * time.Second
)

// connection gives the options of every client.
func (g given) connection(id string, logger *slog.Logger) ([]kgo.Opt, error) {
	// Offsets are committed and fetched by the names of topics, as other clients do: the newer versions go by topic id only.
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.OffsetCommit), 9)
	versions.SetMaxKeyVersion(int16(kmsg.OffsetFetch), 9)
	minAge, maxAge := g.metadataAges()
	name := g.text("client.id")
	if name == "" {
		name = strings.TrimSuffix("troupe-"+id, "-")
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(g.brokers()...),
		kgo.ClientID(name),
		kgo.MaxVersions(versions),
		kgo.WithLogger(logs{to: logger, name: name}),
		kgo.MetadataMinAge(minAge), kgo.MetadataMaxAge(maxAge),
		kgo.RetryBackoffFn(g.backoff()),
		kgo.RetryTimeoutFn(g.retryTimeout()),
		kgo.BrokerMaxReadBytes(int32(min(max(g.whole("receive.message.max.bytes", 100<<20), g.whole("fetch.max.bytes", 0)+512), 1<<30))),
		kgo.BrokerMaxWriteBytes(1 << 30),
	}
	if g.text("socket.timeout.ms") != "" {
		options = append(options, kgo.RequestTimeoutOverhead(max(g.millis("socket.timeout.ms", 0), 100*time.Millisecond)))
	}
	if idle := g.millis("connections.max.idle.ms", 0); idle > 0 {
		options = append(options, kgo.ConnIdleTimeout(min(max(idle, 100*time.Millisecond), 15*time.Minute)))
	}
	if !g.yes("enable.metrics.push", true) {
		options = append(options, kgo.DisableClientMetrics())
	}
	secured, err := g.security()
	if err != nil {
		return nil, err
	}
	return append(options, secured...), nil
}

// brokers are the bootstrap servers, without the protocol that may stand before each.
func (g given) brokers() []string {
	var brokers []string
	for b := range strings.SplitSeq(g.text("bootstrap.servers"), ",") {
		if _, address, ok := strings.Cut(b, "://"); ok {
			b = address
		}
		if b = strings.TrimSpace(b); b != "" {
			brokers = append(brokers, b)
		}
	}
	return brokers
}

// metadataAges bound the pause between two requests for metadata.
func (g given) metadataAges() (least, most time.Duration) {
	most = g.millis("topic.metadata.refresh.interval.ms", 300_000)
	if most < 0 {
		most = time.Hour
	}
	if g.text("metadata.max.age.ms") != "" {
		most = min(most, g.millis("metadata.max.age.ms", 0))
	}
	most = min(max(most, 10*time.Millisecond), time.Hour)
	least = min(max(g.millis("topic.metadata.refresh.fast.interval.ms", 250), 10*time.Millisecond), most)
	return least, most
}

// retryTimeout is how long requests are repeated, by their kind. A member gives up with its session.
func (g given) retryTimeout() func(int16) time.Duration {
	session := g.millis("session.timeout.ms", sessionMillis)
	return func(key int16) time.Duration {
		switch kmsg.Key(key) {
		case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat:
			return session
		case kmsg.OffsetCommit:
			return commitTimeout
		default:
			return requestTimeout
		}
	}
}

// backoff doubles from retry.backoff.ms to retry.backoff.max.ms, and takes or adds a fifth by chance.
func (g given) backoff() func(int) time.Duration {
	first, most := g.millis("retry.backoff.ms", 100), g.millis("retry.backoff.max.ms", 1000)
	return func(tries int) time.Duration {
		wait := min(first<<min(max(tries-1, 0), 16), max(most, first))
		return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())) //nolint:gosec // no secret
	}
}

// security gives the options of TLS, SASL and the addresses of brokers.
func (g given) security() ([]kgo.Opt, error) {
	var options []kgo.Opt
	protocol := strings.ToLower(g.text("security.protocol"))
	var config *tls.Config
	if protocol == "ssl" || protocol == "sasl_ssl" {
		made, err := g.tls()
		if err != nil {
			return nil, err
		}
		config = made
	}
	timeout := g.millis("socket.connection.setup.timeout.ms", 10_000)
	switch family := strings.ToLower(g.text("broker.address.family")); {
	case family == "v4" || family == "v6":
		options = append(options, kgo.Dialer(dial(strings.Replace(family, "v", "tcp", 1), timeout, config)))
	case config != nil:
		options = append(options, kgo.DialTimeout(timeout), kgo.DialTLSConfig(config))
	default:
		options = append(options, kgo.DialTimeout(timeout))
	}
	if g.authenticates() {
		mechanism, err := g.sasl()
		if err != nil {
			return nil, err
		}
		options = append(options, kgo.SASL(mechanism))
	}
	return options, nil
}

// authenticates says whether this client has to say who it is.
func (g given) authenticates() bool {
	return strings.HasPrefix(strings.ToLower(g.text("security.protocol")), "sasl_")
}

// dial connects by one family of addresses only.
func dial(network string, timeout time.Duration, config *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: timeout}
	if config == nil {
		return func(ctx context.Context, _, address string) (net.Conn, error) {
			return plain.DialContext(ctx, network, address)
		}
	}
	secure := &tls.Dialer{NetDialer: plain, Config: config}
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		connection, err := secure.DialContext(ctx, network, address)
		if err != nil {
			return nil, fmt.Errorf("%s over %s: %w", address, network, err)
		}
		return connection, nil
	}
}
