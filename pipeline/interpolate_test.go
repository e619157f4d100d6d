package pipeline

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReferencesTakeValuesFromEnvironmentAndFiles(t *testing.T) {
	t.Parallel()
	p := load(t, `
kafka:
  bootstrap.servers: ${HOST}:${PORT:9092}
  group.id: ${GROUP:a:b}
  client.id: "${NUMBER}"
  sasl.username: ${EMPTY:}
  client.rack: $${HOST}-$$${HOST}
  ssl.key.password: ${file:/run/secrets/key}
input: {topics: ["${TOPIC}"], format: json}
concurrency: ${CONCURRENCY:16}
retry: {jitter: "${JITTER:0.5}"}
`, Options{
		Getenv:   env("HOST", "kafka", "NUMBER", "007", "TOPIC", "orders", "JITTER", "x"),
		ReadFile: files("/run/secrets/key", "s3cret\r\n"),
		Set:      []string{"retry.jitter=${JITTER2:0.25}"},
	})
	config := p.Config()
	require.Equal(t, "kafka:9092", config.Kafka["bootstrap.servers"])
	require.Equal(t, "a:b", config.Kafka["group.id"])
	require.Equal(t, "007", config.Kafka["client.id"])
	require.NotContains(t, config.Kafka, "sasl.username", "an empty plain value is null, and null is not given")
	require.Equal(t, "${HOST}-$${HOST}", config.Kafka["client.rack"])
	require.Equal(t, "s3cret", config.Kafka["ssl.key.password"])
	require.Equal(t, []string{"orders"}, config.Topics)
	require.Equal(t, 16, config.Concurrency, "a plain reference has the type of its text")
	require.InDelta(t, 0.25, config.Retry.Jitter, 0)
}

func TestReferencesCannotChangeTheStructure(t *testing.T) {
	t.Parallel()
	const evil = "x\nconcurrency: 99\nadmin: {listen: 0.0.0.0:80}"
	p := load(t, "name: ${EVIL}\n"+minimal, Options{Getenv: env("EVIL", evil)})
	require.Equal(t, evil, p.Config().Name)
	require.Zero(t, p.Config().Concurrency)
	require.Equal(t, "127.0.0.1:8080", p.Admin.Listen)

	p = load(t, "name: ${EVIL}\n"+minimal, Options{Getenv: env("EVIL", "${HOME}")})
	require.Equal(t, "${HOME}", p.Config().Name, "what was put in is not looked at again")
}

func TestQuotedReferenceIsAString(t *testing.T) {
	t.Parallel()
	found := faults(t, minimal+"concurrency: \"${N}\"\n", Options{Getenv: env("N", "4")})
	require.EqualError(t, found, `test.yaml:3:14: concurrency: want a whole number, got "4"`)
	load(t, minimal+"concurrency: ${N}\n", Options{Getenv: env("N", "4")})
}

func TestDigitsAreTextWhereTextIsWanted(t *testing.T) {
	t.Parallel()
	p := load(t, minimal+"admin: {token: \"${T}\", listen: \"127.0.0.1:0\"}\nname: 2026\nsteps: [{filter: true}, {map: 1}]\n",
		Options{Getenv: env("T", "0123")})
	require.Equal(t, "0123", p.Admin.Token)
	require.Equal(t, "2026", p.Config().Name)
}

func TestReferencedFilesAreBounded(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", referencedFileBytesMax+1)
	found := faults(t, minimal+"name: ${file:/huge}\n", Options{ReadFile: files("/huge", huge)})
	require.EqualError(t, found, "test.yaml:3:7: name: ${file:/huge}: longer than 65536 bytes")

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/huge", []byte(huge), 0o600))
	for _, path := range []string{dir + "/huge", "/dev/zero", dir, dir + "/none"} {
		require.Len(t, faults(t, minimal+"name: ${file:"+path+"}\n", Options{}), 1, path)
	}
	require.NoError(t, os.WriteFile(dir+"/name", []byte("from a file\n"), 0o600))
	require.Equal(t, "from a file", load(t, minimal+"name: ${file:"+dir+"/name}\n", Options{}).Config().Name)

	many := minimal + "name: '" + strings.Repeat("${file:/large}", 100) + "'\n"
	found = faults(t, many, Options{ReadFile: files("/large", huge[1:])})
	require.EqualError(t, found, "test.yaml:3:7: name: the references put in more than 4194304 bytes")
}

func TestFileErrorsAreShown(t *testing.T) {
	t.Parallel()
	found := faults(t, minimal+"name: ${file:/x}\n", Options{ReadFile: func(string) ([]byte, error) { return nil, errors.New("no way") }})
	require.EqualError(t, found, "test.yaml:3:7: name: ${file:/x}: no way")
}
