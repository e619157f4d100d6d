package kafkatest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/stream"
)

// embeddedBrokers is how many an embeddedCluster has.
const embeddedBrokers = 3

// Leader gives the number of the broker that leads a partition.
func (r *Remote) Leader(t testing.TB, p stream.Partition) int32 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	metadata, err := r.admin.Metadata(ctx, p.Topic)
	require.NoError(t, err)
	return metadata.Topics[p.Topic].Partitions[p.Number].Leader
}

// Coordinator gives the number of the broker that coordinates a group.
func (r *Remote) Coordinator(t testing.TB, group string) int32 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	number := int32(-1)
	require.Eventually(t, func() bool { // the brokers may have to make the topic for it first
		found := r.admin.FindGroupCoordinators(ctx, group)
		if found.Error() == nil {
			number = found[group].NodeID
		}
		return found.Error() == nil
	}, remoteTimeout, 20*time.Millisecond)
	return number
}

// realCluster is the brokers that "dev/kafka/kafka.sh run" has started for the test.
type realCluster struct {
	*Remote
	script string
}

var _ Cluster = (*realCluster)(nil)

// newRealCluster connects to them. There must be three.
func newRealCluster(t testing.TB) *realCluster {
	t.Helper()
	bootstrap, script := os.Getenv("TROUPE_KAFKA"), os.Getenv("KAFKA_SH")
	require.NotEmpty(t, bootstrap, "run it with BROKERS=3 dev/kafka/kafka.sh run")
	require.NotEmpty(t, script, "run it with BROKERS=3 dev/kafka/kafka.sh run")
	require.Equal(t, "3", os.Getenv("BROKERS"), "one broker of three is killed")
	return &realCluster{Remote: NewRemote(t, bootstrap), script: script}
}

// Election takes this long because a broker must be missing for 9 seconds.
func (c *realCluster) Election() time.Duration { return 10 * time.Second }

// Expendable is each of the three.
func (c *realCluster) Expendable(int32) bool { return true }

// Kill ends a broker with SIGKILL.
func (c *realCluster) Kill(t testing.TB, number int32) { c.run(t, "kill", number) }

// Launch starts it again.
func (c *realCluster) Launch(t testing.TB, number int32) { c.run(t, "launch", number) }

// run writes the script's output to a file: a broker that it starts would keep a pipe open.
func (c *realCluster) run(t testing.TB, verb string, number int32) {
	t.Helper()
	said, err := os.CreateTemp(t.TempDir(), verb)
	require.NoError(t, err)
	defer func() { require.NoError(t, said.Close()) }()
	command := exec.CommandContext(t.Context(), c.script, verb, strconv.Itoa(int(number)))
	command.Stdout, command.Stderr = said, said
	err = command.Run()
	text, readErr := os.ReadFile(said.Name())
	require.NoError(t, readErr)
	require.NoError(t, err, "%s", text)
}

// embeddedCluster is three brokers in the process. One that is taken away closes its port and its connections, and leads
// and coordinates nothing any more.
type embeddedCluster struct {
	*Remote
	broker *embedded.Broker
	lines  *lines
}

var _ Cluster = (*embeddedCluster)(nil)

// newEmbeddedCluster starts them.
func newEmbeddedCluster(t testing.TB) *embeddedCluster {
	t.Helper()
	l := &lines{}
	broker := start(t, embedded.Options{Brokers: embeddedBrokers, Listen: l.listen})
	return &embeddedCluster{Remote: NewRemote(t, broker.Bootstrap()), broker: broker, lines: l}
}

// Election takes no time.
func (c *embeddedCluster) Election() time.Duration { return 0 }

// Expendable is every broker but the last: it is the controller, and the others never choose another.
func (c *embeddedCluster) Expendable(number int32) bool { return number != embeddedBrokers-1 }

// Kill takes a broker out of the cluster.
func (c *embeddedCluster) Kill(t testing.TB, number int32) {
	t.Helper()
	require.NoError(t, c.broker.Cluster().RemoveNode(number))
	c.lines.cut(number)
}

// Launch takes it in again, on the same port.
func (c *embeddedCluster) Launch(t testing.TB, number int32) {
	t.Helper()
	_, _, err := c.broker.Cluster().AddNode(number, c.lines.port(number))
	require.NoError(t, err)
}

// lines are the connections of each broker. Brokers are numbered in the order in which they begin to listen.
type lines struct {
	mu        sync.Mutex
	listeners []*line
}

// line is a listener that knows what it has accepted.
type line struct {
	net.Listener
	mu       sync.Mutex
	accepted []net.Conn
}

func (l *lines) listen(network, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	one := &line{Listener: listener}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listeners = append(l.listeners, one)
	return one, nil
}

func (l *lines) of(broker int32) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listeners[broker]
}

// cut closes what a broker has accepted.
func (l *lines) cut(broker int32) {
	one := l.of(broker)
	one.mu.Lock()
	defer one.mu.Unlock()
	for _, conn := range one.accepted {
		_ = conn.Close() // it may have gone by itself
	}
}

func (l *lines) port(broker int32) int {
	address, _ := l.of(broker).Addr().(*net.TCPAddr)
	return address.Port
}

// Accept keeps what it gives.
func (l *line) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, conn)
	return conn, nil
}
