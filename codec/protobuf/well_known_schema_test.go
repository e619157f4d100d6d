package protobuf

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A record may be nothing but a well-known type, whose own file is its schema then.
func TestWellKnownTypesAsSchemas(t *testing.T) {
	t.Parallel()
	const timestamp = `syntax = "proto3"; package google.protobuf; option java_package = "x"; message Timestamp { int64 seconds = 1; int32 nanos = 2; }`
	form{`"1970-01-01T00:00:01Z"`, "\x08\x01"}.check(t, messageOf(t, timestamp))
	const empty = `syntax = "proto3"; package google.protobuf; message Empty {}`
	form{`{}`, ""}.check(t, messageOf(t, empty))

	all := wrapperspb.File_google_protobuf_wrappers_proto
	s := parse(t, encoded(t, &Schema{file: all}))
	for i := range all.Messages().Len() {
		want := all.Messages().Get(i).FullName()
		m, err := s.Message([]int{i})
		require.NoError(t, err)
		require.Equal(t, string(want), m.Name())
		byName, err := s.ByName(string(want))
		require.NoError(t, err)
		require.Equal(t, []int{i}, byName.Indexes())
	}
	_, err := Parse(`syntax = "proto3"; package google.protobuf; message Timestamp { int64 seconds = 1; } message Other {}`, nil, Limits{})
	require.ErrorContains(t, err, "google.protobuf.Timestamp", "not a copy")
}
