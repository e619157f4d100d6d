package registry

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// Registries compare texts, some of them byte by byte.
func TestTextsAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	server := srfake.New()
	t.Cleanup(server.Close)
	r := open(t, Config{URLs: []string{server.URL()}})
	const (
		record  = "{\"type\": \"record\",\r\n\t\"name\": \"R\",\n\"fields\": []}"
		object  = "{\n\"title\": \"<&> ż \U0001f3ad\",\n\"type\": \"object\"}\n"
		message = "syntax = \"proto3\"; // a comment\nmessage M {}\n"
	)
	for _, c := range []struct {
		draft Schema
		other sr.Schema
	}{
		{Schema{Type: Avro, Text: record}, sr.Schema{Schema: record}},
		{Schema{Type: Avro, Text: "\n" + record + "\n"}, sr.Schema{Schema: record}},
		{Schema{Type: JSON, Text: object}, sr.Schema{Schema: object, Type: sr.TypeJSON}},
		{Schema{Type: Protobuf, Text: message}, sr.Schema{Schema: message, Type: sr.TypeProtobuf}},
	} {
		subject := "ours-" + c.draft.Type.String()
		registered, err := r.Register(t.Context(), subject, c.draft)
		require.NoError(t, err)
		found, err := r.ByID(t.Context(), registered.ID)
		require.NoError(t, err)
		require.Equal(t, c.other.Schema, found.Text)

		subject = "theirs-" + c.draft.Type.String()
		id, _, err := server.RegisterSchema(subject, c.other)
		require.NoError(t, err)
		looked, err := r.Lookup(t.Context(), subject, c.draft)
		require.NoError(t, err)
		require.Equal(t, int32(id), looked.ID)
	}
}
