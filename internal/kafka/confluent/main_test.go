package confluent_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

func TestMain(m *testing.M) {
	kafkatest.Main(m, 16, goleak.IgnoreAnyFunction( // a consumer that cannot be closed: see closeFatal
		"github.com/troupe-go/troupe/internal/kafka/confluent.(*consumer).destroy.func1"))
}
