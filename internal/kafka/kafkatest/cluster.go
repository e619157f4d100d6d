package kafkatest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// Cluster is several brokers, one of which can be taken away.
type Cluster interface {
	Broker
	// Leader gives the number of the broker that leads a partition.
	Leader(t testing.TB, p stream.Partition) int32
	// Coordinator gives the number of the broker that coordinates a group.
	Coordinator(t testing.TB, group string) int32
	// Election is about how long it takes until others lead and coordinate what a dead broker did.
	Election() time.Duration
	// Expendable says whether the others can do without a broker.
	Expendable(number int32) bool
	// Kill takes a broker away at once.
	Kill(t testing.TB, number int32)
	// Launch brings it back, and returns when it serves requests.
	Launch(t testing.TB, number int32)
}

const (
	// clusterPartitions is enough that every broker leads some.
	clusterPartitions = 6
	// clusterSession is the shortest session that brokers grant by default.
	clusterSession = 6 * time.Second
	// clusterRecords is how many records a partition gets before the broker dies.
	clusterRecords = 20
)

// crew is what one protocol has in the scene: a member that reads and commits, and one that is closed when the broker is
// gone.
type crew struct {
	name      string
	e         *env
	reader    *member
	other     *member
	session   time.Duration
	kept      []stream.Partition // the reader's, when the broker died
	produced  int
	stop      chan struct{}
	halted    sync.Once
	committer sync.WaitGroup
	stored    int64
	refused   []error
}

// runCluster kills the broker that coordinates the groups of all protocols and leads some partitions of each, and brings
// it back. They share the scene, so that all see the same broker die once.
func runCluster(t *testing.T, cluster Cluster, backend func(Broker, Protocol) Backend) {
	t.Helper()
	var crews []*crew
	victim := int32(-1)
	for _, p := range protocols() {
		e := newEnv(t, backend(cluster, p))
		e.topic += "-" + p.String()
		victim = e.concern(cluster, victim)
		session := max(clusterSession, 2*cluster.Election()) // so that nobody is given up meanwhile
		cluster.Session(t, e.group, session)
		crews = append(crews, &crew{name: p.String(), e: e, session: session, stop: make(chan struct{})})
	}
	together(t, crews, func(c *crew) { c.begin(t) })
	cluster.Kill(t, victim)
	together(t, crews, func(c *crew) { c.closeOther(t) })
	for _, c := range crews {
		c.fill()
	}
	together(t, crews, func(c *crew) { c.readOn(t) })
	cluster.Launch(t, victim)
	for _, c := range crews {
		c.fill()
	}
	together(t, crews, func(c *crew) { c.end(t) })
	for _, c := range crews {
		t.Run(c.name, func(t *testing.T) { c.judge(t) })
	}
}

// concern names a group that the victim coordinates, and makes the test's topic so that it leads a part of it. Without a
// victim yet, it chooses one.
func (e *env) concern(cluster Cluster, victim int32) int32 {
	e.t.Helper()
	group := e.group
	for n := 0; ; n++ {
		require.Less(e.t, n, 200, "no group is coordinated by broker %d", victim)
		number := cluster.Coordinator(e.t, e.group)
		if number == victim || victim < 0 && cluster.Expendable(number) {
			victim = number
			break
		}
		e.group = group + "-" + strconv.Itoa(n)
	}
	leads := func() bool {
		for p := range int32(clusterPartitions) {
			if cluster.Leader(e.t, e.at(p)) == victim {
				return true
			}
		}
		return false
	}
	topic := e.topic
	e.shared(clusterPartitions)
	for n := 0; !leads(); n++ {
		require.Less(e.t, n, 50, "broker %d leads no partition", victim)
		e.topic = topic + "-" + strconv.Itoa(n)
		e.shared(clusterPartitions)
	}
	return victim
}

// together lets all act at once. Each polls its members on a goroutine of its own; a failed check ends that goroutine.
func together(t *testing.T, crews []*crew, act func(*crew)) {
	t.Helper()
	var acting sync.WaitGroup
	for _, c := range crews {
		acting.Go(func() { act(c) })
	}
	acting.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

func (c *crew) fill() {
	c.e.t.Helper()
	c.e.fill(clusterPartitions, c.produced, clusterRecords)
	c.produced += clusterRecords
}

func (c *crew) begin(t *testing.T) {
	t.Helper()
	c.fill()
	var session []string
	if c.e.facts.SessionTimeout {
		session = []string{"session.timeout.ms", strconv.FormatInt(c.session.Milliseconds(), 10)}
	}
	c.reader, c.other = c.e.join(session...), c.e.join(session...)
	c.reader.onRevoked, c.other.onRevoked = c.reader.commit, c.other.commit
	c.e.run("the shares, and the records", func() bool {
		return len(c.reader.owned) == 3 && len(c.other.owned) == 3 && c.covered()
	}, c.reader, c.other)
	require.NoError(t, c.reader.commit(c.reader.list()))
	require.NoError(t, c.other.commit(c.other.list()))
	c.reader.onRevoked, c.other.onRevoked = nil, nil // a commit would wait for the coordinator
	c.kept = c.reader.list()
	c.commitBeside()
}

// covered says whether every record has been read by one of the two.
func (c *crew) covered() bool {
	for p := range int32(clusterPartitions) {
		seen := make(map[int64]bool)
		for _, m := range []*member{c.reader, c.other} {
			for _, offset := range m.offsets(p) {
				seen[offset] = true
			}
		}
		if len(seen) < c.produced {
			return false
		}
	}
	return true
}

// commitBeside commits one partition of the reader's all the time, so that some commit is on its way when the broker dies.
func (c *crew) commitBeside() {
	p := c.reader.list()[0]
	c.e.t.Cleanup(c.halt)
	c.committer.Go(func() {
		for n := int64(1); ; n++ {
			select {
			case <-c.stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			// The metadata tells which commit landed; the offset stays where reading may begin again.
			results, err := c.reader.consumer.Commit(context.Background(), []kafka.CommitOffset{
				{Partition: p, Offset: 0, LeaderEpoch: -1, Metadata: strconv.FormatInt(n, 10)},
			})
			if err == nil {
				err = results[0].Err
			}
			if err != nil {
				c.refused = append(c.refused, err)
				continue
			}
			c.stored = n
		}
	})
}

// halt ends the commits.
func (c *crew) halt() {
	c.halted.Do(func() { close(c.stop) })
	c.committer.Wait()
}

func (c *crew) closeOther(t *testing.T) {
	t.Helper()
	const bound = 5 * time.Second
	before := time.Now()
	if err := c.other.close(bound); err != nil {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Less(t, time.Since(before), bound+3*time.Second, "%s", c.name)
}

func (c *crew) readOn(t *testing.T) {
	t.Helper()
	c.e.run("the records, with the broker gone", c.covered, c.reader)
}

func (c *crew) end(t *testing.T) {
	t.Helper()
	c.e.run("the records, with the broker back", c.covered, c.reader)
	c.halt()
	c.e.until("a commit", func() bool { return c.reader.commit(c.reader.list()) == nil }, c.reader)
}

func (c *crew) judge(t *testing.T) {
	require.Positive(t, c.stored)
	for _, err := range c.refused {
		if len(c.reader.lost) > 0 || errors.Is(err, kafka.ErrNotOwned) {
			continue // its session may have ended; then it is given everything anew
		}
		requireRetriable(t, err)
	}
	for p := range int32(clusterPartitions) {
		require.Empty(t, c.reader.outside(p))
		require.Empty(t, c.reader.overtaken(p))
		last := int64(clusterRecords - 1)
		for _, offset := range c.reader.offsets(p) {
			if offset >= clusterRecords {
				require.LessOrEqual(t, offset, last+1, "a gap in partition %d, which nobody else reads", p)
				last = offset
			}
		}
	}
	for _, p := range c.kept {
		if !c.e.facts.Eager && len(c.reader.lost) == 0 {
			later := slices.DeleteFunc(c.reader.offsets(p.Number), func(offset int64) bool { return offset < clusterRecords })
			require.Equal(t, from(clusterRecords, c.produced-clusterRecords), later, "what was never given back is read once")
		}
	}
	committed := c.e.broker.Committed(t, c.e.group)
	for p, records := range c.reader.records {
		require.Equal(t, records[len(records)-1].Offset+1, committed[p].Offset, "%s", p)
	}
	t.Logf("%d commits stored, %d refused, %d partitions lost", c.stored, len(c.refused), len(c.reader.lost))
}
