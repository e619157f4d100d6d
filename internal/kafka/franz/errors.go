package franz

import (
	"context"
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka"
)

// broker gives the broker's error inside err, or nil where the error did not come from a broker.
func broker(err error) *kerr.Error {
	var e *kerr.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// missing says that a topic or partition does not exist.
func missing(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}

// commitError classifies a commit that failed.
func commitError(err error) *kafka.CommitError {
	result := &kafka.CommitError{Err: err}
	switch refused := broker(err); {
	case refused == nil: // it did not arrive, or its answer did not
		result.Retriable = true
	case errors.Is(refused, kerr.OffsetMetadataTooLarge):
		result.MetadataTooLarge = true
	// The member learns its new generation or epoch with the answer that is on its way, and may still own the partition.
	case errors.Is(refused, kerr.IllegalGeneration), errors.Is(refused, kerr.StaleMemberEpoch),
		errors.Is(refused, kerr.RebalanceInProgress):
		result.Retriable = true
	case errors.Is(refused, kerr.InvalidCommitOffsetSize), errors.Is(refused, kerr.FencedInstanceID):
	default:
		result.Retriable = kerr.IsRetriable(refused)
	}
	return result
}

// produceError classifies a message that was not written.
func produceError(err error) *kafka.ProduceError {
	result := &kafka.ProduceError{Kind: kafka.Undelivered, Err: err}
	refused := broker(err)
	if refused == nil {
		// The library has no error of its own for a partition that the topic does not have.
		if strings.Contains(err.Error(), "invalid record partitioning choice") {
			result.Kind = kafka.UnknownTopic
		}
		return result
	}
	switch {
	case is(refused, kerr.MessageTooLarge, kerr.RecordListTooLarge):
		result.Kind = kafka.TooLarge
	case is(refused, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID):
		result.Kind = kafka.UnknownTopic
	case is(refused, kerr.TopicAuthorizationFailed):
		result.Kind = kafka.NotAuthorized
	case is(refused, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.InvalidTopicException, kerr.PolicyViolation,
		kerr.UnsupportedForMessageFormat, kerr.UnsupportedCompressionType, kerr.InvalidRequest):
		result.Kind = kafka.Invalid
	// Without a producer id this producer writes nothing, whatever the message.
	case is(refused, kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.ProducerFenced):
		result.Kind = kafka.Fatal
	}
	return result
}

func is(err error, any ...error) bool {
	for _, e := range any {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// fatal says that a member can never be one again under its name, however often it tries.
func fatal(err error) bool {
	return is(err, kerr.FencedInstanceID, kerr.UnreleasedInstanceID, kerr.InconsistentGroupProtocol, kerr.InvalidGroupID)
}

// ended says that an error only tells of the end of a wait, or of the client.
func ended(err error) bool {
	return is(err, context.Canceled, context.DeadlineExceeded, kgo.ErrClientClosed)
}
