package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSetOverridesTheFile(t *testing.T) {
	t.Parallel()
	p := load(t, minimal+"concurrency: 4\noutput: {stdout: {}}\nsteps: [{filter: .a}]\n", Options{Set: []string{
		"concurrency=5", "concurrency=6",
		"kafka.bootstrap.servers=broker:9093,other:9093",
		"retry.initial=50ms",
		"input.topics=[a, {topic: b, format: string}]",
		"steps.0.filter=.b == \"x: y\"",
		"steps.1.map={id: .id}",
		"output={kafka: {topic: out}}",
		"output.kafka.key=.id",
		"dead_letter=off", "on_error=drop",
		"name=a: b: c",
		"producer.linger.ms=10",
	}})
	config := p.Config()
	require.Equal(t, 6, config.Concurrency)
	require.Equal(t, "broker:9093,other:9093", config.Kafka["bootstrap.servers"])
	require.Equal(t, []string{"a", "b"}, config.Topics)
	require.Equal(t, "10", config.Producer["linger.ms"])
	require.True(t, config.DeadLetter.Off)
	require.Equal(t, "drop", config.DeadLetter.OnError)
	require.Equal(t, "a: b: c", config.Name, "what is no YAML is text")

	r := record(`{"b":"x: y","id":"7"}`)
	r.Topic = "a"
	require.NoError(t, config.Handler.Handle(t.Context(), r))
	require.Equal(t, []string{`{"id":"7"}`}, values(r.Outputs()))
	require.Equal(t, "7", string(r.Outputs()[0].Key))
}

func TestSetFaultsNameTheFlag(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"retry.max_attemps=5":  `--set retry.max_attemps: retry.max_attemps: unknown key, did you mean "max_attempts"?`,
		"retry.max_attempts=x": `--set retry.max_attempts: retry.max_attempts: want a whole number, got "x"`,
		"nonsense":             `--set: want key=value, like retry.max_attempts=5`,
		"=x":                   `--set: want key=value, like retry.max_attempts=5`,
		"steps.7.filter=.a":    `--set steps.7.filter: steps.7: unknown key`,
		"retry.initial.x=1":    `--set retry.initial.x: retry.initial.x: unknown key`,
		"retry={intial: 1s}":   `--set retry: retry.intial: unknown key, did you mean "initial"?`,
		"output.kafka.key=.[":  "--set output.kafka.key: output.kafka.key: no valid jq: unexpected EOF (character 2)\n--set output.kafka.key: output.kafka.topic: missing",
		"admin=[s3cret]":       `--set admin: admin: want a mapping, got a list`,
		"name=${UNSET}":        `--set name: name: the environment variable UNSET is not set and ${UNSET} has no default; set it, or write ${UNSET:default}`,
	} {
		require.EqualError(t, faults(t, minimal, Options{Set: []string{flag}}), want, flag)
	}
}

func TestFaultsOfFlagsComeAfterThoseOfTheFile(t *testing.T) {
	t.Parallel()
	found := faults(t, minimal+"zebra: 1\n", Options{Set: []string{"pollers=0"}})
	require.EqualError(t, found, "test.yaml:3:1: zebra: unknown key\n--set pollers: pollers: 0 is less than 1")
}
