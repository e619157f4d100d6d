package meter

// ConsumerRecords counts records read, by topic.
func (m *Meter) ConsumerRecords(topic string) *Counter { return m.consumerRecords.with(topic, "") }

// ConsumerBytes counts the bytes of records read, by topic.
func (m *Meter) ConsumerBytes(topic string) *Counter { return m.consumerBytes.with(topic, "") }

// Rebalances counts changes of the assignment: EventAssigned, EventRevoked, EventLost.
func (m *Meter) Rebalances(event string) *Counter { return m.rebalances.with(event, "") }

// RebalanceDuration is the time from a revoke to its acknowledgement.
func (m *Meter) RebalanceDuration() *Histogram { return m.rebalanceDuration.with("", "") }

// StartDuration is the time from a partition's assignment until it is being read.
func (m *Meter) StartDuration() *Histogram { return m.startDuration.with("", "") }

// NoProgress counts what stood still without an explanation, by its aspect.
func (m *Meter) NoProgress(aspect string) *Counter { return m.noProgress.with(aspect, "") }

// OffsetsOutOfRange counts positions of a topic that were outside the log.
func (m *Meter) OffsetsOutOfRange(topic string) *Counter { return m.outOfRange.with(topic, "") }

// StaleMessages counts discarded messages of incarnations that are no longer owned.
func (m *Meter) StaleMessages() *Counter { return m.staleMessages.with("", "") }

// Commits counts commits: CommitAccepted, CommitRetried, CommitFailed.
func (m *Meter) Commits(result string) *Counter { return m.commits.with(result, "") }

// CommitDuration is the time from a commit's call to its return.
func (m *Meter) CommitDuration() *Histogram { return m.commitDuration.with("", "") }

// ProcessDuration is the time of one attempt, by ResultDone or the reason of its failure. All results share their bounds,
// so one Local may be merged into any of them.
func (m *Meter) ProcessDuration(result string) *Histogram { return m.processDuration.with(result, "") }

// ProcessRecords counts records that have ended: ResultDone, ResultSkipped, ResultDeadLettered, ResultDropped,
// ResultAbandoned.
func (m *Meter) ProcessRecords(result string) *Counter { return m.processRecords.with(result, "") }

// EndToEndLatency is the time from a record's own timestamp to its end.
func (m *Meter) EndToEndLatency() *Histogram { return m.endToEndLatency.with("", "") }

// Retries counts attempts that failed and will be made again, by the reason of the failure.
func (m *Meter) Retries(reason string) *Counter { return m.retries.with(reason, "") }

// DeadLetters counts acknowledged dead letters, by the original record's topic and the reason of the failure.
func (m *Meter) DeadLetters(topic, reason string) *Counter { return m.deadLetters.with(topic, reason) }

// ActorRestarts counts actors started again, by kind: poller, committer, dead-letter, publisher, partitions, partition,
// lane, circuits.
func (m *Meter) ActorRestarts(kind string) *Counter { return m.actorRestarts.with(kind, "") }

// ProducerRecords counts what was written, by the topic written to and ProducerAcknowledged, ProducerRefused or
// ProducerFailed.
func (m *Meter) ProducerRecords(topic, result string) *Counter {
	return m.producerRecords.with(topic, result)
}

// DrainDuration is the time that work in flight took to end at a stop.
func (m *Meter) DrainDuration() *Histogram { return m.drainDuration.with("", "") }

// EventsDropped counts events that their receiver was too slow for.
func (m *Meter) EventsDropped() *Counter { return m.eventsDropped.with("", "") }
