package clients_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka/clients"
	"github.com/troupe-go/troupe/internal/kafka/properties"
)

func TestEveryClientOfThisBuildCanBeMade(t *testing.T) {
	t.Parallel()
	require.Contains(t, clients.Names(), clients.Franz)
	for _, name := range append(clients.Names(), "") {
		client, err := clients.New(clients.Options{
			Name: name, Logger: slog.New(slog.DiscardHandler),
			Kafka: map[string]string{"bootstrap.servers": "127.0.0.1:1", "group.id": "g"},
		})
		require.NoError(t, err, "%q", name)
		require.Equal(t, "g", client.Group())
	}
}

func TestConfluentIsTheDefaultWhereItIsBuiltIn(t *testing.T) {
	t.Parallel()
	if slices.Contains(clients.Names(), clients.Confluent) {
		require.Equal(t, clients.Confluent, clients.Default())
		require.NoError(t, clients.Check(clients.Confluent))
		return
	}
	require.Equal(t, clients.Franz, clients.Default())
	require.ErrorContains(t, clients.Check(clients.Confluent), "built with cgo")
	_, err := clients.New(clients.Options{Name: clients.Confluent})
	require.ErrorContains(t, err, "use franz")
}

func TestUnknownClientIsRefused(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, clients.Check("sarama"), `"sarama" is no client; use `)
	_, err := clients.New(clients.Options{Name: "sarama"})
	require.Error(t, err)
}

// A nil *Client in the interface would not be nil.
func TestWrongPropertiesGiveNoClient(t *testing.T) {
	t.Parallel()
	for _, name := range clients.Names() {
		client, err := clients.New(clients.Options{Name: name, Kafka: map[string]string{"group.id": "g"}})
		require.Nil(t, client)
		var wrong *properties.Error
		require.ErrorAs(t, err, &wrong, name)
	}
}

func TestFaultsAreThoseOfTheClientNamed(t *testing.T) {
	t.Parallel()
	given := map[string]string{"ssl.cipher.suites": "x"}
	require.Len(t, clients.Faults(clients.Franz, given), 1)
	require.Empty(t, clients.Faults(clients.Confluent, given))
}
