package franz

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// connections tells of brokers that cannot be reached. The library goes on trying by itself and says so in its log only.
type connections struct {
	trouble func(error)
	sasl    bool // whoever this client is has to be proved
}

var (
	_ kgo.HookBrokerConnect = connections{}
	_ kgo.HookBrokerRead    = connections{}
	_ kgo.HookBrokerWrite   = connections{}
)

// OnBrokerConnect is called after each attempt to connect.
func (c connections) OnBrokerConnect(broker kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	if c.sasl && errors.Is(err, io.EOF) {
		// Some brokers answer a wrong password by hanging up.
		err = fmt.Errorf("authentication failed, or the broker hung up meanwhile: look at sasl.username and sasl.password: %w", err)
	}
	c.trouble(fmt.Errorf("connect to the broker at %s:%d: %w", broker.Host, broker.Port, lasting(err)))
}

// OnBrokerRead is called after each answer, or what should have been one.
func (c connections) OnBrokerRead(broker kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	c.broken(broker, err)
}

// OnBrokerWrite is called after each request.
func (c connections) OnBrokerWrite(broker kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	c.broken(broker, err)
}

func (c connections) broken(broker kgo.BrokerMetadata, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) && !errors.Is(err, net.ErrClosed) {
		c.trouble(fmt.Errorf("the connection to the broker at %s:%d broke: %w", broker.Host, broker.Port, lasting(err)))
	}
}

// lasting leaves out of an error the port that this side of a connection had, so that the same trouble reads the same.
func lasting(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Source != nil {
		return op.Err
	}
	return err
}
