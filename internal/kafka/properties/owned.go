package properties

// owned gives the properties that the processor sets itself, with the reason why nobody else may.
func owned() map[string]string {
	const (
		commits = "offsets are committed by the processor, when the records below them are done"
		binding = "it configures the Go binding, which the processor does itself"
		reports = "every delivery report is checked"
		metrics = "the processor has metrics of its own"
	)
	return map[string]string{
		"enable.auto.commit":              commits,
		"auto.commit.enable":              commits,
		"auto.commit.interval.ms":         commits + "; see commit.interval",
		"enable.auto.offset.store":        commits,
		"offset.store.method":             commits,
		"offset.store.path":               commits,
		"offset.store.sync.interval.ms":   commits,
		"enable.partition.eof":            "the processor does not use it",
		"consume.callback.max.messages":   "there is no consume callback",
		"delivery.report.only.error":      reports,
		"produce.offset.report":           reports,
		"statistics.interval.ms":          metrics,
		"go.application.rebalance.enable": binding,
		"go.batch.producer":               binding,
		"go.delivery.report.fields":       binding,
		"go.delivery.reports":             binding,
		"go.events.channel.enable":        binding,
		"go.events.channel.size":          binding,
		"go.logs.channel":                 binding,
		"go.logs.channel.enable":          binding,
		"go.produce.channel.size":         binding,
		"log.queue":                       binding,
		"plugin.library.paths":            "plugins run foreign code inside the process",
		"group.protocol.type":             "the only type is consumer",
		"max.poll.records":                "it belongs to share groups, which are not used",
		"share.acknowledgement.mode":      "it belongs to share groups, which are not used",
		"transactional.id":                "transactions belong to the processor",
		"internal.termination.signal":     "signals belong to the program",
	}
}
