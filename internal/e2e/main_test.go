// Package e2e tests the program from outside: the binary runs as a process, on a broker that it reaches through sockets,
// and another Kafka client than the program's own writes its input and reads what became of it.
//
// The tests run on the embedded broker, and with the build tag realkafka on the brokers that TROUPE_KAFKA names. Every
// test has topics and a group of its own, so that all can share a broker. With TROUPE_STATIC set the program is built
// without cgo, and uses the Kafka client that is then the default.
package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// binary is the program under test, built once by TestMain.
var binary string

func TestMain(m *testing.M) {
	code, err := build(m)
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

// build runs the tests on a fresh binary and broker, and removes both.
func build(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "troupe-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary = filepath.Join(dir, "troupe")
	args := []string{"build", "-o", binary}
	static := os.Getenv("TROUPE_STATIC") != ""
	if raced && !static { // the race detector needs cgo
		args = append(args, "-race")
	}
	command := exec.Command("go", append(args, "github.com/troupe-go/troupe/cmd/troupe")...)
	if static {
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the program: %w\n%s", err, out)
	}
	stop, err := startShared()
	if err != nil {
		return 0, err
	}
	return m.Run(), stop()
}
