package franz

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// connections tells of brokers that cannot be reached. The library goes on trying by itself and says so in its log only.
type connections struct{ trouble func(error) }

var (
	_ kgo.HookBrokerConnect = connections{}
	_ kgo.HookBrokerRead    = connections{}
	_ kgo.HookBrokerWrite   = connections{}
)

// OnBrokerConnect is called after each attempt to connect.
func (c connections) OnBrokerConnect(broker kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		c.trouble(fmt.Errorf("connect to the broker at %s:%d: %w", broker.Host, broker.Port, err))
	}
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
		c.trouble(fmt.Errorf("the connection to the broker at %s:%d broke: %w", broker.Host, broker.Port, err))
	}
}
