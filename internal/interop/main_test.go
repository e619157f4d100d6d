// Package interop tests that what troupe writes is what Confluent's clients for Python read, and the other way round:
// Avro, Protobuf and JSON Schema, through a real Kafka and a real schema registry. The other side is dev/interop/peer.py.
//
// `make test-interop` runs the tests. Without it they are skipped.
package interop

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// python is the other side, which TestMain starts, and folder what is deleted at the end.
var (
	python *peer
	folder string
)

func TestMain(m *testing.M) {
	code, err := start(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func start(m *testing.M) (code int, err error) {
	interpreter := os.Getenv("TROUPE_INTEROP")
	if interpreter == "" {
		return m.Run(), nil
	}
	for _, name := range []string{"TROUPE_KAFKA", "TROUPE_REGISTRY"} {
		if os.Getenv(name) == "" {
			return 0, fmt.Errorf("%s is not set; make test-interop sets it", name)
		}
	}
	if folder, err = os.MkdirTemp("", "troupe-interop-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if python, err = startPeer(interpreter); err != nil {
		return 0, err
	}
	code = m.Run()
	compared.print(os.Stdout)
	return code, python.stop()
}

// needsPeer skips a test where `make test-interop` did not start it.
func needsPeer(t *testing.T) {
	t.Helper()
	if python == nil {
		t.Skip("TROUPE_INTEROP is not set; `make test-interop` starts what is needed")
	}
}
