package memory

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
)

// Ports above the broker's.
const (
	proxiedAbove = 30 // where it listens to who comes by a proxy
	bridgeAbove  = 35 // where it tells them to come to
)

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// bridge leads from an address to the broker once it is open; before, nobody answers there.
type bridge struct{ from, to string }

// open opens it until the context ends.
func (b bridge) open(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", b.from)
	if err != nil {
		return fmt.Errorf("open the way to the broker: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go b.carry(ctx, client)
		}
	}()
	return nil
}

// carry carries one connection.
func (b bridge) carry(ctx context.Context, client net.Conn) {
	broker, err := new(net.Dialer).DialContext(ctx, "tcp", b.to)
	if err != nil {
		_ = client.Close() // the client tries again
		return
	}
	end := func() {
		_ = client.Close()
		_ = broker.Close()
	}
	defer context.AfterFunc(ctx, end)()
	go func() {
		defer end()
		_, _ = io.Copy(broker, client)
	}()
	defer end()
	_, _ = io.Copy(client, broker)
}
