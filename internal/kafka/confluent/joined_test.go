package confluent

import (
	"testing"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
)

// TestMembershipIsReadFromTheBinding fails when a new version of the binding or of the library writes metadata otherwise.
func TestMembershipIsReadFromTheBinding(t *testing.T) {
	t.Parallel()
	metadata, err := ck.NewTestConsumerGroupMetadata("g")
	require.NoError(t, err)
	m, ok := readMembership(metadata)
	require.True(t, ok)
	require.Equal(t, membership{epoch: -1}, m)
	_, ok = readMembership(&ck.ConsumerGroupMetadata{})
	require.False(t, ok)
}

func TestProduceErrorsSayWhatCanBeDone(t *testing.T) {
	t.Parallel()
	for kind, codes := range map[kafka.ProduceErrorKind][]ck.ErrorCode{
		kafka.Undelivered:   {ck.ErrMsgTimedOut, ck.ErrTransport, ck.ErrPurgeQueue, ck.ErrNotEnoughReplicas, ck.ErrLeaderNotAvailable},
		kafka.TooLarge:      {ck.ErrMsgSizeTooLarge, ck.ErrRecordListTooLarge},
		kafka.UnknownTopic:  {ck.ErrUnknownTopic, ck.ErrUnknownPartition, ck.ErrUnknownTopicOrPart},
		kafka.NotAuthorized: {ck.ErrTopicAuthorizationFailed, ck.ErrClusterAuthorizationFailed},
		kafka.Invalid:       {ck.ErrInvalidRecord, ck.ErrTopicException, ck.ErrPolicyViolation},
		kafka.Fatal:         {ck.ErrFenced, ck.ErrFatal},
	} {
		for _, code := range codes {
			require.Equal(t, kind, produceError(ck.NewError(code, "", false)).Kind, "%v", code)
		}
	}
	require.Equal(t, kafka.Fatal, produceError(ck.NewError(ck.ErrOutOfOrderSequenceNumber, "", true)).Kind)
}
