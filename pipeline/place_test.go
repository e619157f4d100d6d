package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFaultsOfTheWorldHaveThePlaceOfTheirKey(t *testing.T) {
	t.Parallel()
	p := load(t, `
kafka: {bootstrap.servers: "b:9092", group.id: g}
input:
  topics:
    - a
    - topic: b
output: {kafka: {topic: out}}
`, Options{Set: []string{"dead_letter.topic=dead"}})
	for path, at := range map[string]string{
		"kafka.bootstrap.servers": "test.yaml:2:28: kafka.bootstrap.servers: wrong",
		"input.topics.0":          "test.yaml:5:7: input.topics.0: wrong",
		"input.topics.1.topic":    "test.yaml:6:14: input.topics.1.topic: wrong",
		"output.kafka.schema":     "test.yaml:7:18: output.kafka.schema: wrong",
		"registry.url":            "test.yaml:1:1: registry.url: wrong",
		"dead_letter.topic":       "--set dead_letter.topic: dead_letter.topic: wrong",
	} {
		require.Equal(t, at, p.Fault(path, "wrong").Error())
	}
}
