package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSomeRecordsFailAtFirstAndSomeTakeLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handled := 0
		h := unsteady(troupe.HandlerFunc(func(context.Context, *troupe.Record) error { handled++; return nil }))
		const records = 5000
		failed, took, most := 0, 0, int32(0)
		for i := range records {
			r := &troupe.Record{Value: fmt.Append(nil, "record ", i), Attempt: 1}
			began := time.Now()
			err := h.Handle(t.Context(), r)
			if time.Since(began) > 100*time.Millisecond {
				took++
			}
			if err != nil {
				failed++
			}
			for ; err != nil; err = h.Handle(t.Context(), r) {
				require.ErrorIs(t, err, errUnsteady)
				r.Attempt++
			}
			most = max(most, r.Attempt)
		}
		require.Equal(t, records, handled, "all of them in the end")
		require.InDelta(t, records*failing/1000, failed, 20)
		require.InDelta(t, records*slow/1000, took, 15)
		require.Greater(t, most, int32(4))
		require.Less(t, most, int32(20), "fewer than the pipeline allows")
	})
}

func TestASlowRecordHeedsItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := unsteady(troupe.HandlerFunc(func(context.Context, *troupe.Record) error { return nil }))
	require.ErrorIs(t, h.Handle(ctx, &troupe.Record{Attempt: 1}), context.Canceled)
}
