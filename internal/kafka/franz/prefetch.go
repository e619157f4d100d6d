package franz

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// prefetch keeps what the reader has fetched and not delivered within a budget. The library holds one answer for each
// broker, and bounds answers by their compressed size; so the size that is asked for follows from how well the data turns out
// to compress. It begins with little, because an answer of batches that are compressed a thousand times is a thousand times
// as large in memory, and grows from answer to answer.
type prefetch struct {
	answerMax    int64 // compressed bytes of one answer, at most
	partitionMax int64 // of one partition in it
	budget       int64 // uncompressed bytes of one answer

	compressed   atomic.Int64
	uncompressed atomic.Int64
	asked        int64 // what the reader asks for now
}

// answersMax is how many answers may wait or be on their way. More brokers than that take turns.
const answersMax = 16

const (
	shareMin = 64 << 10 // of the budget, however small that is
	// answerFirst is asked for before anything is known, and answerMin at least: a single batch is sent whole anyway.
	answerFirst = 32 << 10
	answerMin   = 4 << 10
	growthMax   = 4 // by which what is asked for grows at a time
)

func newPrefetch(budget, answerMax, partitionMax int64) *prefetch {
	share := max(budget/answersMax, shareMin)
	p := &prefetch{answerMax: min(answerMax, share), partitionMax: partitionMax, budget: share}
	p.asked = min(p.answerMax, answerFirst)
	return p
}

// options are what the reader begins with.
func (p *prefetch) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.FetchMaxBytes(int32(p.asked)), kgo.FetchMaxPartitionBytes(int32(min(p.partitionMax, p.asked))),
		kgo.MaxConcurrentFetches(answersMax), kgo.WithHooks(p),
	}
}

var _ kgo.HookFetchBatchRead = (*prefetch)(nil)

// OnFetchBatchRead is called by the library for every batch that it has decompressed.
func (p *prefetch) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, batch kgo.FetchBatchMetrics) {
	p.compressed.Add(int64(batch.CompressedBytes))
	p.uncompressed.Add(int64(batch.UncompressedBytes))
}

// adjust asks for as much as fits the budget at the rate of compression seen last.
func (p *prefetch) adjust(reader *kgo.Client) {
	if p.uncompressed.Load() < p.budget/2 && p.compressed.Load() < p.asked/2 {
		return
	}
	compressed, uncompressed := p.compressed.Swap(0), max(p.uncompressed.Swap(0), 1)
	fits := min(max(int64(float64(p.budget)*float64(compressed)/float64(uncompressed)), answerMin), p.answerMax, growthMax*p.asked)
	if fits > p.asked-p.asked/8 && fits < p.asked+p.asked/8 {
		return
	}
	p.asked = fits
	reader.UpdateFetchMaxBytes(int32(fits), int32(min(p.partitionMax, fits)))
}
