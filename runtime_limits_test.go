package troupe_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/kafka/clients"
)

func TestClientsInCHaveProcessorsToWaitWith(t *testing.T) {
	t.Parallel()
	require.Equal(t, 4, troupe.GoProcessors(clients.Confluent, 2))
	require.Equal(t, 2, troupe.GoProcessors(clients.Franz, 2))
	require.Equal(t, troupe.GoProcessors(clients.Default(), 2), troupe.GoProcessors("", 2))
}
