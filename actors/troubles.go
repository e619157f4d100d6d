package actors

import (
	"strings"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// troubles thins out what a client reports: during an outage that is dozens of errors a second, of few kinds.
type troubles struct {
	known map[string]*trouble
}

type trouble struct {
	first, last, reported time.Time
	times                 int
}

// troublesMax bounds the kinds of trouble kept apart.
const troublesMax = 64

// note takes one error and says whether to report it now: the first of its kind, and then once per interval. A kind that
// was not heard of for two intervals is new again.
func (t *troubles) note(now time.Time, err error) (stream.ClientTrouble, bool) {
	if t.known == nil || len(t.known) > troublesMax {
		t.known = make(map[string]*trouble)
	}
	text := err.Error()
	kind, _, _ := strings.Cut(text, " (after ") // how long the client tried, and how often, is no other trouble
	k := t.known[kind]
	if k == nil || now.Sub(k.last) > 2*troubleEvery {
		k = &trouble{first: now}
		t.known[kind] = k
	}
	k.last = now
	k.times++
	if !k.reported.IsZero() && now.Sub(k.reported) < troubleEvery {
		return stream.ClientTrouble{}, false
	}
	event := stream.ClientTrouble{Error: text, Times: k.times, SinceMS: now.Sub(k.first).Milliseconds()}
	k.reported, k.times = now, 0
	return event, true
}
