package confluent

import (
	"errors"
	"fmt"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
)

// code gives librdkafka's code of an error, or ErrNoError where it has none.
func code(err error) ck.ErrorCode {
	var e ck.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return ck.ErrNoError
}

// tooEarly says that the client has not begun with the partition yet, or is beginning anew with it after a rebalance.
func tooEarly(err error) bool {
	switch code(err) {
	case ck.ErrState, ck.ErrPrevInProgress, ck.ErrTimedOut, ck.ErrOutdated:
		return true
	default:
		return false
	}
}

// trouble adds what to look at where librdkafka leaves it out.
func trouble(e ck.Error) error {
	if e.Code() == ck.ErrTopicAuthorizationFailed {
		return fmt.Errorf("%w; this user may not read a topic it is subscribed to: look at the ACLs", e)
	}
	return e
}

// commitError classifies a commit that failed.
func commitError(err error) *kafka.CommitError {
	result := &kafka.CommitError{Err: err}
	switch code(err) {
	case ck.ErrTransport, ck.ErrTimedOut, ck.ErrWaitCoord, ck.ErrAllBrokersDown, ck.ErrWaitCache, ck.ErrInProgress,
		ck.ErrCoordinatorNotAvailable, ck.ErrCoordinatorLoadInProgress, ck.ErrNotCoordinator,
		ck.ErrRequestTimedOut, ck.ErrNetworkException, ck.ErrLeaderNotAvailable, ck.ErrNotLeaderForPartition,
		ck.ErrRebalanceInProgress, ck.ErrUnstableOffsetCommit, ck.ErrUnknownTopicOrPart, ck.ErrUnknownTopicID,
		ck.ErrNotEnoughReplicas, ck.ErrNotEnoughReplicasAfterAppend, ck.ErrThrottlingQuotaExceeded,
		// The group has gone on to another generation, or epoch, and this member, which is known there, has not heard of it
		// yet. It may own the partition in that one too.
		ck.ErrIllegalGeneration, ck.ErrStaleMemberEpoch:
		result.Retriable = true
	case ck.ErrOffsetMetadataTooLarge:
		result.MetadataTooLarge = true
	default:
	}
	return result
}

// produceError classifies a message that was not written.
func produceError(err error) *kafka.ProduceError {
	result := &kafka.ProduceError{Kind: kafka.Undelivered, Err: err}
	var e ck.Error
	if errors.As(err, &e) && e.IsFatal() {
		result.Kind = kafka.Fatal
		return result
	}
	switch code(err) {
	case ck.ErrMsgSizeTooLarge, ck.ErrRecordListTooLarge, ck.ErrInvalidMsgSize:
		result.Kind = kafka.TooLarge
	case ck.ErrUnknownTopic, ck.ErrUnknownPartition, ck.ErrUnknownTopicOrPart, ck.ErrUnknownTopicID:
		result.Kind = kafka.UnknownTopic
	case ck.ErrTopicAuthorizationFailed, ck.ErrClusterAuthorizationFailed, ck.ErrTransactionalIDAuthorizationFailed:
		result.Kind = kafka.NotAuthorized
	case ck.ErrInvalidRecord, ck.ErrInvalidTimestamp, ck.ErrTopicException, ck.ErrPolicyViolation, ck.ErrInvalidArg,
		ck.ErrUnsupportedForMessageFormat, ck.ErrUnsupportedCompressionType, ck.ErrInvalidRequest:
		result.Kind = kafka.Invalid
	case ck.ErrFatal, ck.ErrFenced, ck.ErrDestroy:
		result.Kind = kafka.Fatal
	default:
	}
	return result
}
