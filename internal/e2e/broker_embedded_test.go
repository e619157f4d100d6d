//go:build !realkafka

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/troupe-go/troupe/internal/embedded"
)

// shared is the broker of all tests but those that break it.
var shared *embedded.Broker

func startShared() (stop func() error, err error) {
	shared, err = embedded.Start(embedded.Options{NoRegistry: true})
	if err != nil {
		return nil, err
	}
	return shared.Close, nil
}

// bootstrap is the value of bootstrap.servers.
func bootstrap(testing.TB) string { return shared.Bootstrap() }

// refuseWrites makes the brokers answer writes to a topic with "not now", until allow is called.
func refuseWrites(_ *testing.T, _ *world, topic string) (allow func()) {
	fault := shared.Cluster().Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicas, Count: -1,
	})
	return func() { fault.Remove() }
}

// mortalWorld has a broker of its own, which dies when kill is called.
func mortalWorld(t *testing.T, partitions int32) (w *world, kill func()) {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true})
	require.NoError(t, err)
	dead := false
	kill = func() {
		if !dead {
			dead = true
			require.NoError(t, broker.Close())
		}
	}
	t.Cleanup(kill)
	return newWorldOn(t, partitions, broker.Bootstrap()), kill
}

// restrictedWorld has a broker where the program logs in as a user who may do nothing but read the group. Login are the
// properties for that.
func restrictedWorld(t *testing.T) (w *world, login []string) {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Users: []embedded.User{
		{Name: "root", Password: "root", Super: true},
		{Name: "restricted", Password: "restricted", Allow: []embedded.Grant{
			{Resource: embedded.Group, Name: "*", Operation: embedded.Read},
		}},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	w = newWorldOn(t, 1, broker.Bootstrap(), kgo.SASL(plain.Auth{User: "root", Pass: "root"}.AsMechanism()))
	return w, loginAs("restricted")
}
