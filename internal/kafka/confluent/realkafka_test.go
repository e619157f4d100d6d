//go:build realkafka

package confluent_test

import (
	"testing"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

func TestRealKafka(t *testing.T) {
	t.Parallel()
	kafkatest.RunReal(t, adapter())
}
