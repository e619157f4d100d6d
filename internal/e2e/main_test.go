// Package e2e tests the program from outside: the binary runs as a process, on a broker that it reaches through sockets,
// and another Kafka client than the program's own writes its input and reads what became of it.
//
// The tests run on the embedded broker, and with the build tag realkafka on the brokers that TROUPE_KAFKA names. Every
// test has topics and a group of its own, so that all can share a broker.
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
	if raced {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "github.com/troupe-go/troupe/cmd/troupe")...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the program: %w\n%s", err, out)
	}
	stop, err := startShared()
	if err != nil {
		return 0, err
	}
	return m.Run(), stop()
}
