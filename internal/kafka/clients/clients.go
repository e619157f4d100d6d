// Package clients chooses the Kafka client: which ones this build has, which is the default, and how one is made.
//
// The build tag cgo decides: librdkafka needs cgo, and is the default where it is on; without it there is franz-go only.
package clients

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/franz"
	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// The names of the clients.
const (
	Confluent = "confluent"
	Franz     = "franz"
)

// Options say which client to make, and how.
type Options struct {
	// Name is that of the client. Defaults to Default().
	Name string
	// Kafka holds the user's properties under librdkafka's names, for all kinds of client.
	Kafka map[string]string
	// Producer overrides those of producers.
	Producer map[string]string
	// PrefetchBytes bounds what each consumer fetches ahead, unless the user has set queued.max.messages.kbytes. Zero
	// leaves the client's default.
	PrefetchBytes int64
	// Logger receives the client's own log. Defaults to slog.Default().
	Logger *slog.Logger
}

// makers are those of this build, the default first.
func makers() []maker { return append(native(), maker{Franz, makeFranz}) }

type maker struct {
	name string
	make func(Options) (kafka.Client, error)
}

func makeFranz(o Options) (kafka.Client, error) {
	client, err := franz.New(franz.Options{Kafka: o.Kafka, Producer: o.Producer, PrefetchBytes: o.PrefetchBytes, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	return client, nil
}

// Default is the client that is used when none is named.
func Default() string { return makers()[0].name }

// Names are the clients of this build, the default first.
func Names() []string {
	var names []string
	for _, m := range makers() {
		names = append(names, m.name)
	}
	return names
}

// Check says why a client cannot be used in this build, or nothing. The empty name is the default.
func Check(name string) error {
	switch {
	case name == "" || slices.Contains(Names(), name):
		return nil
	case name == Confluent:
		return fmt.Errorf("%s needs a program that was built with cgo, which this one was not; use %s", name, Franz)
	default:
		return fmt.Errorf("%q is no client; use %s", name, strings.Join(Names(), " or "))
	}
}

// New makes the client, which connects to nothing yet. Properties that are wrong come as a *properties.Error.
func New(o Options) (kafka.Client, error) {
	if o.Name == "" {
		o.Name = Default()
	}
	for _, m := range makers() {
		if m.name == o.Name {
			return m.make(o)
		}
	}
	return nil, Check(o.Name)
}

// Faults are what a client does not understand among properties that exist and have valid values.
func Faults(name string, given map[string]string) []properties.Fault {
	if name == "" {
		name = Default()
	}
	if name != Franz {
		return nil
	}
	return franz.Faults(given)
}
