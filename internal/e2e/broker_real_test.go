//go:build realkafka

package e2e

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func startShared() (stop func() error, err error) {
	if os.Getenv("TROUPE_KAFKA") == "" {
		return nil, errors.New("TROUPE_KAFKA must name the brokers; make test-kafka sets it")
	}
	return func() error { return nil }, nil
}

// bootstrap is the value of bootstrap.servers.
func bootstrap(testing.TB) string { return os.Getenv("TROUPE_KAFKA") }

// refuseWrites would make the brokers answer writes to a topic with "not now".
func refuseWrites(t *testing.T, _ *world, _ string) (allow func()) {
	t.Helper()
	t.Skip("healthy brokers refuse no write for now: they lower min.insync.replicas to the number of replicas that there are")
	return nil
}

// restrictedWorld has a broker where the program logs in as a user who may do nothing but read the group. Login are the
// properties for that.
func restrictedWorld(t *testing.T) (w *world, login []string) {
	t.Helper()
	address := os.Getenv("TROUPE_KAFKA_SASL")
	if address == "" {
		t.Skip("TROUPE_KAFKA_SASL is not set: these brokers have no authorizer")
	}
	w = newWorldOn(t, 1, bootstrap(t))
	acl := kadm.NewACLs().Groups(w.group).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral).
		Allow("User:restricted").AllowHosts("*").Operations(kmsg.ACLOperationRead)
	_, err := w.admin.CreateACLs(t.Context(), acl)
	require.NoError(t, err)
	return w, append(loginAs("restricted"), "--set", "kafka.bootstrap.servers="+strings.TrimSpace(address))
}
