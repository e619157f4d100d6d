package franz_test

import (
	"testing"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

func TestMain(m *testing.M) { kafkatest.Main(m, 8) }
