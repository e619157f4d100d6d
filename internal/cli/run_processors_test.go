package cli

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/kafka/clients"
)

// It is not parallel: the number of processors is the process's.
func TestRunHasMoreProcessorsUnlessToldHowMany(t *testing.T) { //nolint:paralleltest // see above
	before := runtime.GOMAXPROCS(0)
	set := false
	r := &runner{app: &app{env: func(name string) (string, bool) { return "", set && name == "GOMAXPROCS" }}}
	undo := r.allowProcessors(clients.Confluent)
	require.Equal(t, troupe.GoProcessors(clients.Confluent, before), runtime.GOMAXPROCS(0))
	undo()
	require.Equal(t, before, runtime.GOMAXPROCS(0))

	set = true
	defer r.allowProcessors(clients.Confluent)()
	require.Equal(t, before, runtime.GOMAXPROCS(0))
}
