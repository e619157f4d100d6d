package actors

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/stream"
)

// Every letter that is refused has the topic looked for again, many times a second.
func TestMissingDeadLetterTopicIsToldOnceAnInterval(t *testing.T) {
	t.Parallel()
	m := meter.New(meter.Build{})
	var told []string
	events := NewEvents(m, func(e stream.EventTime) {
		trouble, is := e.Event.(stream.ClientTrouble)
		require.True(t, is)
		told = append(told, trouble.Error)
	})
	d := &deadLetters{env: &Env{Meter: m, Events: events}, topics: make(map[string]*letterTopic)}
	for range 20 {
		d.checked(letterTopicChecked{topic: "a", err: errors.New("a is missing")})
		d.checked(letterTopicChecked{topic: "b", err: errors.New("b is missing")})
	}
	require.True(t, events.Close(time.Minute))
	require.Equal(t, []string{"a is missing", "b is missing"}, told)
}
