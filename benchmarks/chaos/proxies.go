package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// proxies stand before the brokers.
type proxies struct{ list []*toxiproxy.Proxy }

func startProxies(listen, upstream []string) (*proxies, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxies{}
	for i := range listen {
		proxy := toxiproxy.NewProxy(server, fmt.Sprintf("broker-%d", i+1), listen[i], upstream[i])
		if err := proxy.Start(); err != nil {
			p.stop()
			return nil, fmt.Errorf("proxy of broker %d at %s: %w", i+1, listen[i], err)
		}
		p.list = append(p.list, proxy)
	}
	return p, nil
}

func (p *proxies) stop() {
	for _, proxy := range p.list {
		proxy.Stop()
	}
}

// toxic is what a proxy does to what passes it.
type toxic struct{ kind, attributes string }

// The toxics. One that swallows lets no byte pass and closes nothing: the connection is half open. One that resets ends a
// connection half a second after its first bytes, with an RST where it began under the toxic.
func delays(latencyMS, jitterMS int) toxic {
	return toxic{"latency", fmt.Sprintf(`{"latency": %d, "jitter": %d}`, latencyMS, jitterMS)}
}

func swallows() toxic { return toxic{"timeout", `{"timeout": 0}`} }

func resets() toxic { return toxic{"reset_peer", `{"timeout": 500}`} }

// poison gives a toxic to the proxies of these brokers, in both directions.
func (p *proxies) poison(t toxic, brokers ...int32) error {
	for _, broker := range brokers {
		for _, stream := range []string{"upstream", "downstream"} {
			text := fmt.Sprintf(`{"name": "%s-%s", "type": "%s", "stream": "%s", "attributes": %s}`, t.kind, stream, t.kind, stream,
				t.attributes)
			if _, err := p.list[broker-1].Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
				return fmt.Errorf("toxic %s of broker %d: %w", t.kind, broker, err)
			}
		}
	}
	return nil
}

// heal takes all toxics away.
func (p *proxies) heal(ctx context.Context) {
	for _, proxy := range p.list {
		proxy.Toxics.ResetToxics(ctx)
	}
}

// under calls do while the proxies of these brokers have a toxic.
func (p *proxies) under(ctx context.Context, t toxic, brokers []int32, do func() error) error {
	defer p.heal(context.WithoutCancel(ctx))
	return errors.Join(p.poison(t, brokers...), do())
}
