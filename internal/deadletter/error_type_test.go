package deadletter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/stream"
)

type selfNamed struct{}

func (selfNamed) Error() string     { return "boom" }
func (selfNamed) ErrorType() string { return "panic" }

func TestErrorTypeNamesTheFirstTellingError(t *testing.T) {
	t.Parallel()
	var syntax *json.SyntaxError
	err := json.Unmarshal([]byte("{"), new(int))
	require.ErrorAs(t, err, &syntax)
	_, missing := os.Open("/does/not/exist")
	cases := map[string]struct {
		err  error
		want string
	}{
		"nothing":        {nil, ""},
		"bare":           {syntax, "*json.SyntaxError"},
		"wrapped":        {fmt.Errorf("decode: %w", fmt.Errorf("order: %w", syntax)), "*json.SyntaxError"},
		"verdicts":       {stream.Permanent(stream.RetryAfter(stream.Unavailable(syntax, "db"), time.Second)), "*json.SyntaxError"},
		"joined":         {errors.Join(io.EOF, syntax), "*json.SyntaxError"},
		"wrapped twice":  {fmt.Errorf("%w and %w", errors.New("a"), missing), "*fs.PathError"},
		"first telling":  {&fs.PathError{Err: syntax}, "*fs.PathError"},
		"text":           {errors.New("boom"), "error"},
		"formatted text": {fmt.Errorf("boom %d", 1), "error"},
		"verdict of text": {
			stream.Permanent(errors.New("boom")), "error",
		},
		"deadline":   {fmt.Errorf("call: %w", context.DeadlineExceeded), "timeout"},
		"names self": {fmt.Errorf("handler: %w", selfNamed{}), "panic"},
		"value type": {fs.ErrNotExist, "error"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, deadletter.ErrorType(c.err))
		})
	}
}
