package verify

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func stamped(t *testing.T) (Stamp, *kgo.Record) {
	t.Helper()
	s := Stamp{Run: "run", ID: ID{3, 14}, IntendedMS: 15, Poison: true}
	r, err := s.Record(20)
	require.NoError(t, err)
	return s, r
}

func TestStampIsReadBack(t *testing.T) {
	t.Parallel()
	s, r := stamped(t)
	read, err := ParseStamp(r.Value)
	require.NoError(t, err)
	require.Equal(t, s, read)
	require.Equal(t, "key-3", string(r.Key))
}

func TestChangedByteOfAValueIsNoticed(t *testing.T) {
	t.Parallel()
	_, r := stamped(t)
	for i := range r.Value {
		changed := append([]byte(nil), r.Value...)
		changed[i] ^= 1
		_, err := ParseStamp(changed)
		require.Error(t, err, "byte %d", i)
		_, err = ParseStamp(r.Value[:i])
		require.Error(t, err, "cut at byte %d", i)
	}
}

func TestSumCoversKeyValueAndHeadersAndNotWhatADeadLetterAdds(t *testing.T) {
	t.Parallel()
	_, r := stamped(t)
	sum := Sum(r)
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: "added", Value: []byte("x")})
	require.Equal(t, sum, Sum(r))

	for name, change := range map[string]func(*kgo.Record){
		"key":           func(r *kgo.Record) { r.Key = []byte("key-4") },
		"no key":        func(r *kgo.Record) { r.Key = nil },
		"value":         func(r *kgo.Record) { r.Value[0]++ },
		"header":        func(r *kgo.Record) { r.Headers[1].Value[0]++ },
		"header's name": func(r *kgo.Record) { r.Headers[0].Key += "x" },
		"order":         func(r *kgo.Record) { r.Headers[0], r.Headers[1] = r.Headers[1], r.Headers[0] },
		"no headers":    func(r *kgo.Record) { r.Headers = nil },
	} {
		_, other := stamped(t)
		change(other)
		require.NotEqual(t, sum, Sum(other), name)
	}
}

func TestCopyOfAnotherRunIsForeignAndADamagedOneBroken(t *testing.T) {
	t.Parallel()
	s, r := stamped(t)
	require.Equal(t, s.ID, readCopy(r, "run", true).ID)
	require.False(t, readCopy(r, "run", true).Foreign)
	require.True(t, readCopy(r, "another", true).Foreign)
	r.Value = r.Value[1:]
	require.NotEmpty(t, readCopy(r, "run", true).Broken)
}

func TestLedgerIsReadBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	ledger, err := CreateLedger(path)
	require.NoError(t, err)
	want := []Entry{
		{ID: ID{1, 2}, Partition: 3, Offset: 4, Sum: 0xdeadbeefdeadbeef, IntendedMS: 5, AckedMS: 6},
		{ID: ID{0, 0}, Partition: 0, Offset: 1 << 40, Sum: 0, IntendedMS: 7, AckedMS: 8},
	}
	for _, e := range want {
		require.NoError(t, ledger.Add(e))
	}
	require.NoError(t, ledger.Close())
	got, err := ReadLedger(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
