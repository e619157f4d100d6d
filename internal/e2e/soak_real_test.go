//go:build realkafka

package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How much the soak tests do on a real broker.
const (
	soakRecords = 200_000
	soakKills   = 10
)

// soakWork is how many steps the pipeline takes over each record, so that there is time to stop it in the middle.
const soakWork = 20

// soakSessionMS is how soon a killed member is given up: the least that Kafka allows by default.
const soakSessionMS = 6000

// soakBrokers gives the brokers that all tests share.
func soakBrokers(t *testing.T) string { t.Helper(); return bootstrap(t) }

// shortenSession sets the session of the group, which with the consumer protocol is not the client's to choose.
func (s *soak) shortenSession() {
	s.t.Helper()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, s.group
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = "consumer.session.timeout.ms", kmsg.StringPtr(fmt.Sprint(soakSessionMS))
	resource.Configs = append(resource.Configs, config)
	request.Resources = append(request.Resources, resource)
	answer, err := request.RequestWith(s.t.Context(), s.client)
	require.NoError(s.t, err)
	for _, r := range answer.Resources {
		require.NoError(s.t, kerr.ErrorForCode(r.ErrorCode))
	}
}
