package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// looked is one look at a partition, seconds after the first.
type looked struct {
	at        float64
	cause     string
	watermark int64
	received  int64
	done      int64
}

func TestPartitionThatStandsStillMustNameACause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		looks   []looked
		unnamed int
		causes  map[string]float64
	}{
		"it moves": {[]looked{{0, "flowing", 1, 9, 1}, {9, "flowing", 2, 9, 2}, {18, "flowing", 3, 9, 3}}, 0, map[string]float64{}},
		"nothing to do": {
			[]looked{{0, "idle", 50, 50, 50}, {30, "idle", 50, 50, 50}, {60, "idle", 50, 50, 50}}, 0, map[string]float64{},
		},
		"it says why": {
			[]looked{{0, "flowing", 1, 9, 1}, {5, "output-unavailable", 1, 9, 1}, {60, "output-unavailable", 1, 9, 1}},
			0,
			map[string]float64{"output-unavailable": 60},
		},
		"flowing without moving": {
			[]looked{{0, "flowing", 1, 9, 1}, {5, "flowing", 1, 9, 1}, {16, "flowing", 1, 9, 1}, {30, "flowing", 1, 9, 1}},
			1,
			map[string]float64{"flowing": 30},
		},
		"idle with records before it": {
			[]looked{{0, "idle", 1, 1, 1}, {5, "idle", 1, 1, 1}, {16, "idle", 1, 1, 1}}, 1, map[string]float64{"idle": 16},
		},
		"a cause in between": {
			[]looked{{0, "flowing", 1, 9, 1}, {8, "flowing", 1, 9, 1}, {9, "commit-failing", 1, 9, 1}, {18, "flowing", 1, 9, 1}},
			0,
			map[string]float64{"flowing": 17, "commit-failing": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatcher(&fleet{}, nil)
			w.known[3] = 50
			m := &member{name: "m"}
			began := time.Now()
			for _, l := range c.looks {
				w.place(m, partitionAnswer{
					Partition: 3, Epoch: 1, Cause: l.cause, Watermark: &l.watermark, Received: l.received,
					Ledger: map[string]int64{"done": l.done},
				}, began.Add(time.Duration(l.at*float64(time.Second))))
			}
			require.Len(t, w.findings.Unnamed, c.unnamed)
			require.Equal(t, c.causes, w.findings.Causes)
		})
	}
}

func TestTimeThatAMemberWasFrozenDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWatcher(&fleet{}, nil)
	w.known[0] = 50
	m := &member{name: "m"}
	watermark, began := int64(1), time.Now()
	p := partitionAnswer{Epoch: 1, Cause: "flowing", Watermark: &watermark}
	w.place(m, p, began)
	m.thawedAt.Store(began.Add(20 * time.Second).UnixMilli())
	w.place(m, p, began.Add(21*time.Second))
	w.place(m, p, began.Add(24*time.Second))
	require.Empty(t, w.findings.Unnamed)
}
