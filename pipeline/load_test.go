package pipeline

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// env is an environment of its own for a test.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func files(pairs ...string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return []byte(pairs[i+1]), nil
			}
		}
		return nil, os.ErrNotExist
	}
}

func load(t *testing.T, src string, o Options) *Pipeline {
	t.Helper()
	if o.Getenv == nil {
		o.Getenv = env()
	}
	p, err := Load("test.yaml", []byte(src), o)
	require.NoError(t, err)
	return p
}

// faults loads a configuration that has some.
func faults(t *testing.T, src string, o Options) Faults {
	t.Helper()
	if o.Getenv == nil {
		o.Getenv = env()
	}
	_, err := Load("test.yaml", []byte(src), o)
	var found Faults
	require.ErrorAs(t, err, &found)
	return found
}

const minimal = `kafka: {bootstrap.servers: "localhost:9092", group.id: g}
input: {topics: [orders], format: json}
`

func TestStarterAndExampleLoadWithoutFaults(t *testing.T) {
	t.Parallel()
	load(t, string(Starter()), Options{})
	src, err := os.ReadFile("../examples/orders/orders.yaml")
	require.NoError(t, err)
	p := load(t, string(src), Options{})
	config := p.Config()
	require.Equal(t, []string{"orders.placed", "orders.updated"}, config.Topics)
	require.Equal(t, "orders.dead-letter", config.DeadLetter.Topic)
	require.Equal(t, "localhost:9092", config.Kafka["bootstrap.servers"])
}

func TestMinimal(t *testing.T) {
	t.Parallel()
	load(t, minimal, Options{})
}
