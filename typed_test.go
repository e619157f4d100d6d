package troupe

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

// decoderFunc decodes as a test says.
type decoderFunc func(context.Context, *stream.Record) (string, error)

func (f decoderFunc) Decode(ctx context.Context, r *stream.Record) (string, error) { return f(ctx, r) }

func TestTypedHandlesWhatWasDecoded(t *testing.T) {
	t.Parallel()
	r := &Record{Topic: "orders", Partition: 3, Offset: 42, Value: []byte("x")}
	own := errors.New("the handler's own")
	decoder := decoderFunc(func(_ context.Context, r *stream.Record) (string, error) { return string(r.Value) + "!", nil })
	handler := Typed(decoder, func(_ context.Context, value string, got *Record) error {
		require.Equal(t, "x!", value)
		require.Same(t, r, got)
		return own
	})
	require.Equal(t, own, handler.Handle(t.Context(), r), "not wrapped")
}

func TestTypedSaysWhoseFaultItIs(t *testing.T) {
	t.Parallel()
	wrong := errors.New("byte 7 is wrong")
	r := &Record{Topic: "orders", Partition: 3, Offset: 42}
	handle := func(ctx context.Context, fault error) error {
		return Typed(decoderFunc(func(context.Context, *stream.Record) (string, error) { return "", fault }),
			func(context.Context, string, *Record) error {
				t.Error("what was not decoded was handled")
				return nil
			}).Handle(ctx, r)
	}
	var permanent *PermanentError
	err := handle(t.Context(), wrong)
	require.ErrorAs(t, err, &permanent)
	require.EqualError(t, err, "value of orders-3 at offset 42: byte 7 is wrong")

	var away *UnavailableError
	err = handle(t.Context(), Unavailable(wrong, "registry"))
	require.ErrorAs(t, err, &away)
	require.NotErrorAs(t, err, &permanent)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NotErrorAs(t, handle(ended, wrong), &permanent, "the attempt's end is not the record's fault")
}
