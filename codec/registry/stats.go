package registry

import "sync/atomic"

// Stats are counts since the Resolver began.
type Stats struct {
	Requests       int64 // HTTP requests that have ended
	RequestsFailed int64 // of these, those without a 2xx answer that can be read; a 404 counts too
	Retries        int64 // requests that repeated another one
	Lookups        int64 // lookups that were begun; each takes one request or more
	Joined         int64 // calls that waited for a lookup that another had begun
	Hits           int64 // calls answered from memory
	UnknownHits    int64 // calls answered from memory that there is no such schema
	StaleHits      int64 // calls answered with a latest schema above its time, because the registry was away
	DiskReads      int64 // lookups answered from disk, because the registry was away
	DiskWrites     int64 // schemas written to disk
	DiskFailures   int64 // files that could not be read or written
	Schemas        int   // kept in memory now
	SchemaBytes    int64 // about what they hold
	Unknown        int   // ids remembered now as unknown
}

type counters struct {
	requests, requestsFailed, retries, lookups, joined, hits, unknownHits, staleHits atomic.Int64
	diskReads, diskWrites, diskFailures                                              atomic.Int64
}

// Stats may be called at any time.
func (r *Resolver) Stats() Stats {
	r.mu.Lock()
	schemas, bytes, unknowns := len(r.schemas.entries), r.schemas.cost, len(r.unknowns.entries)
	r.mu.Unlock()
	c := &r.counters
	return Stats{
		Requests: c.requests.Load(), RequestsFailed: c.requestsFailed.Load(), Retries: c.retries.Load(),
		Lookups: c.lookups.Load(), Joined: c.joined.Load(), Hits: c.hits.Load(), UnknownHits: c.unknownHits.Load(),
		StaleHits: c.staleHits.Load(), DiskReads: c.diskReads.Load(), DiskWrites: c.diskWrites.Load(),
		DiskFailures: c.diskFailures.Load(), Schemas: schemas, SchemaBytes: bytes, Unknown: unknowns,
	}
}
