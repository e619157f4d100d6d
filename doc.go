// Package troupe processes streams of Kafka records with actors: one for every assigned partition hands the records to a
// handler, in order, and reports how far they are done; a committer commits that, and nothing beyond; what fails is tried
// again without blocking anyone it need not, and what fails for good ends as a dead letter.
//
//	p, err := troupe.New(troupe.Config{
//		Kafka:   troupe.Properties{"bootstrap.servers": "localhost:9092", "group.id": "order-processor-v1"},
//		Topics:  []string{"orders.placed", "orders.updated"},
//		Handler: troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error { ... }),
//	})
//	err = p.Run(ctx)
//
// What a handler returns decides what becomes of the record: nil means done, as soon as its outputs are acknowledged; any
// error is retried with backoff, and after Config.Retry.MaxAttempts ends as a dead letter; [Permanent], [Skip],
// [RetryAfter] and [Unavailable] say more.
//
// # Middleware
//
// What is the same for every record goes around the handler, in Config.Middleware: [RateLimit], [Logging], [Tracing],
// [Timeout], [Recover], or a function of one's own. The first is the outermost:
//
//	Middleware: []troupe.Middleware{troupe.RateLimit(100, 10), troupe.Logging(logger), troupe.Timeout(2 * time.Second)},
//
// It is around every attempt, be it at one record or at a batch; [Around] makes one for both.
//
// # Batches
//
// A [BatchHandler] in Config.BatchHandler is given many records of a partition at once, as Config.Batch says. With a
// [BatchError] it names the records that failed, and each of them is retried, or ends as a dead letter, by itself.
//
// # Guarantees
//
// Records are handled at least once: an offset is committed only when every record below it is done. After a crash the
// records that were in flight or not yet committed are handled again; after a clean stop none is. The records of a
// partition are handled one after another, in order.
//
// # Not guaranteed
//
// An output may be written twice after a crash. A handler that ignores its cancelled context cannot be ended: it holds back
// its partition, and after Config.Stuck.After the process fails, or the record becomes a dead letter.
package troupe
