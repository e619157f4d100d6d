package franz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// persistPause is between two attempts at a request that no broker has answered.
	persistPause = 100 * time.Millisecond
	// persistMax bounds a request whose context has no deadline.
	persistMax = time.Minute
)

// persist repeats a request until a broker answers it or the context ends. The library gives up at once where it cannot
// connect to any broker, though one may be about to come up.
func persist(ctx context.Context, request func(context.Context) error) error {
	if _, bounded := ctx.Deadline(); !bounded {
		limited, cancel := context.WithTimeout(ctx, persistMax)
		defer cancel()
		ctx = limited
	}
	var last error
	for {
		err := request(ctx)
		switch {
		case err == nil, broker(err) != nil, errors.Is(err, kgo.ErrClientClosed):
			return err
		case ctx.Err() != nil && last != nil:
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case ctx.Err() != nil:
			return err
		}
		last = err
		timer := time.NewTimer(persistPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
