package registry

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec/wire"
)

func TestSubjectsAreNamedAsConfluentsClientsDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ naming, record, key, value string }{
		{"topic", "", "orders-key", "orders-value"},
		{"topic", "shop.Order", "orders-key", "orders-value"},
		{"record", "shop.Order", "shop.Order", "shop.Order"},
		{"topic-record", "shop.Order", "orders-shop.Order", "orders-shop.Order"},
	} {
		naming, err := ParseNaming(c.naming)
		require.NoError(t, err)
		require.Equal(t, c.naming, naming.String())
		key, err := naming.Subject("orders", wire.Key, c.record)
		require.NoError(t, err)
		require.Equal(t, c.key, key)
		value, err := naming.Subject("orders", wire.Value, c.record)
		require.NoError(t, err)
		require.Equal(t, c.value, value)
	}
	for _, naming := range []Naming{RecordName, TopicRecordName} {
		_, err := naming.Subject("orders", wire.Value, "")
		require.ErrorIs(t, err, ErrNoRecordName)
		require.ErrorContains(t, err, "topic orders")
	}
	_, err := ParseNaming("subject")
	require.ErrorContains(t, err, `"subject"`)
}
