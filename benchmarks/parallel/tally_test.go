package parallel

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// entry is a record of a topic as it lies in its partition.
type entry struct {
	partition int32
	offset    int64
	key       int
}

func entries(topic Topic) []entry {
	var list []entry
	next := make([]int64, topic.Partitions)
	topic.draw(func(_ int64, key int) {
		partition := topic.partition(key)
		list = append(list, entry{partition, next[partition], key})
		next[partition]++
	})
	return list
}

func (e entry) begin(t *tally) error {
	_, err := t.begin(e.partition, e.offset, encodeKey(e.key), make([]byte, valueBytes))
	return err
}

func (e entry) finish(t *tally) error { return t.finish(e.partition, e.offset, e.key) }

func (e entry) handle(t *tally) error {
	return t.handle(e.partition, e.offset, encodeKey(e.key), make([]byte, valueBytes), nil)
}

// sharing gives two records, the second a later one of the first's key.
func sharing(t *testing.T, list []entry) (first, second entry) {
	t.Helper()
	for i, a := range list {
		for _, b := range list[i+1:] {
			if a.key == b.key {
				return a, b
			}
		}
	}
	t.Fatal("no key has two records")
	return entry{}, entry{}
}

func TestTallyEndsWithTheLastRecordOfAnyOrder(t *testing.T) {
	t.Parallel()
	topic := newTopic(3, 50, 1000)
	over := 0
	tally := newTally(topic, Unordered, func() { over++ })
	list := entries(topic)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for i, e := range list {
		require.Zero(t, over, "after %d records", i)
		require.NoError(t, e.handle(tally))
	}
	require.Equal(t, 1, over)
	cost, err := tally.result()
	require.NoError(t, err)
	require.EqualValues(t, 1000, cost.Records)
	require.Positive(t, cost.Elapsed)
}

func TestTallyFindsRecordsMissing(t *testing.T) {
	t.Parallel()
	topic := newTopic(3, 50, 1000)
	tally := newTally(topic, Unordered, func() { t.Error("it is not over") })
	for _, e := range entries(topic)[1:] {
		require.NoError(t, e.handle(tally))
	}
	_, err := tally.result()
	require.ErrorContains(t, err, "1 of 1000 records were not done")
}

func TestTallyFindsWhatBreaksAPromise(t *testing.T) {
	t.Parallel()
	topic := newTopic(3, 50, 1000)
	list := entries(topic)
	first, second := sharing(t, list)
	for name, c := range map[string]struct {
		order Order
		act   func(*tally) error
		want  string
	}{
		"a record twice": {Unordered, func(t *tally) error { return errors.Join(first.handle(t), first.handle(t)) }, "was handled twice"},
		"a key backwards": {
			ByKey, func(t *tally) error { return errors.Join(second.handle(t), first.handle(t)) }, "was handled after",
		},
		"a key twice at once": {
			ByKey, func(t *tally) error { return errors.Join(first.begin(t), second.begin(t)) }, "were handled at once",
		},
		"a partition backwards": {
			ByPartition, func(t *tally) error { return errors.Join(second.handle(t), first.handle(t)) }, "was handled after",
		},
		"a later record while an earlier one of its key has failed": {ByKey, func(t *tally) error {
			begun := errors.Join(second.begin(t))
			t.fail(second.partition, second.offset, second.key)
			return errors.Join(begun, second.handle(t), first.handle(t))
		}, "was handled after"},
		"an offset beyond the end": {Unordered, func(t *tally) error {
			return entry{first.partition, topic.Records, first.key}.begin(t)
		}, "has no offset 1000"},
		"a key of another partition": {Unordered, func(t *tally) error {
			return entry{first.partition, first.offset, first.key + 1}.begin(t)
		}, "foreign key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, c.act(newTally(topic, c.order, func() {})), c.want)
		})
	}
}

func TestTallyAllowsARetryAndOtherKeysMeanwhile(t *testing.T) {
	t.Parallel()
	topic := newTopic(1, 50, 1000)
	list := entries(topic)
	first, second := sharing(t, list)
	tally := newTally(topic, ByKey, func() {})
	require.NoError(t, first.begin(tally))
	tally.fail(first.partition, first.offset, first.key)
	for _, e := range list {
		if e.key != first.key {
			require.NoError(t, e.handle(tally))
		}
	}
	require.NoError(t, first.begin(tally))
	require.NoError(t, first.finish(tally))
	require.NoError(t, second.handle(tally))
}

func TestTallyHoldsARepeatAfterTheEndAgainstTheRun(t *testing.T) {
	t.Parallel()
	topic := newTopic(1, 5, 10)
	tally := newTally(topic, Unordered, func() {})
	list := entries(topic)
	for _, e := range list {
		require.NoError(t, e.handle(tally))
	}
	require.Error(t, list[3].handle(tally))
	_, err := tally.result()
	require.ErrorContains(t, err, "was handled twice")
}

func TestTallyCountsRepeatsWhereTheyAreAllowed(t *testing.T) {
	t.Parallel()
	topic := newTopic(1, 5, 10)
	tally := newTally(topic, Unordered, func() {})
	tally.again = true
	for _, e := range append(entries(topic), entries(topic)[:4]...) {
		require.NoError(t, e.handle(tally))
	}
	_, err := tally.result()
	require.NoError(t, err)
	require.EqualValues(t, 4, tally.repeated.Load())
}

func TestTopicGivesThePoisonKeyItsShareOnceTheFirstRecordsAreOver(t *testing.T) {
	t.Parallel()
	topic := Topic{Name: "t", Partitions: 12, Keys: 100_000, Records: 24_000, PoisonEvery: poisonEvery}
	early, late := 0, 0
	topic.draw(func(number int64, key int) {
		switch {
		case key != poisonKey:
		case number < topic.Records/skipped:
			early++
		default:
			late++
		}
	})
	require.LessOrEqual(t, early, 3, "only by lot")
	require.InDelta(t, 200, late, 5)
	require.Positive(t, topic.firstPoison())
	require.Less(t, topic.firstPoison(), topic.ends()[topic.partition(poisonKey)])
}

func TestTopicOfDistinctKeysHasEachOnce(t *testing.T) {
	t.Parallel()
	seen := make(map[int]bool)
	Topic{Partitions: 12, Keys: 1000, Records: 1000, Distinct: true}.draw(func(_ int64, key int) { seen[key] = true })
	require.Len(t, seen, 1000)
}

func TestStampSurvivesAValue(t *testing.T) {
	t.Parallel()
	value := make([]byte, valueBytes)
	stamp(value, 1_700_000_000_000_000_001, 42)
	due, number := readStamp(value)
	require.EqualValues(t, 1_700_000_000_000_000_001, due)
	require.EqualValues(t, 42, number)
}

func TestQuantileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(i+1))
	}
	require.EqualValues(t, 50, quantile(values, 0.50))
	require.EqualValues(t, 99, quantile(values, 0.99))
	require.EqualValues(t, 7, quantile([]time.Duration{7}, 0.99))
	require.Zero(t, quantile(nil, 0.5))
}

func TestPeerArgumentsTellTheEndsOfEveryPartition(t *testing.T) {
	t.Parallel()
	task := Task{
		Bootstrap: "127.0.0.1:1", Group: "g", Topic: Topic{Name: "t", Partitions: 2, Keys: 4, Records: 4, Distinct: true},
		WarmUp: Topic{Name: "w", Partitions: 2, Keys: 2, Records: 2, Distinct: true}, Latency: 10 * time.Millisecond,
		Contender: Contender{Program: ParallelConsumer, Order: ByKey, Concurrency: 100},
	}
	require.Equal(t, []string{
		"bootstrap=127.0.0.1:1", "group=g", "order=key", "concurrency=100", "latencyMillis=10", "keys=4", "topic=t", "ends=2,2",
		"warmUpTopic=w", "warmUpEnds=1,1",
	}, peerArguments(task))
}
