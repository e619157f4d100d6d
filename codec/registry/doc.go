// Package registry finds schemas in a Confluent-compatible schema registry, and keeps them.
//
// # What may be asked
//
// [Resolver.ByID], [Resolver.ByGUID] and [Resolver.ByFrame] are for reading. [Resolver.Latest] and [Resolver.Lookup] are
// for writing; [Resolver.Register] is too, and nothing here calls it by itself. All give a schema with the schemas that it
// refers to. [Resolver.Check] says whether the registry answers at all.
//
// # What is kept
//
//	id, GUID, registration, lookup   for ever: they are immutable. The least recently used are dropped above
//	                                 SchemasMax schemas or CacheBytesMax bytes
//	latest of a subject              for LatestTTL; while the registry is away, as long as that lasts
//	"there is no such schema"        for UnknownTTL
//	an outage                        not at all
//	on disk (Dir)                    what was found by id or GUID. It is read only while the registry is away, because
//	                                 ids mean something else once a registry is set up anew
//
// Callers that want the same at the same time share one lookup. It runs on a goroutine of its own with its own deadline
// (LookupTimeout) and ends with it, whether or not somebody still waits; a caller waits as long as its context allows.
// There are at most 256 lookups at a time, and 16 requests.
//
// # What an error means
//
//	*UnknownSchemaError    the registry is there and has no such schema: final for a record that names it
//	*UnusableSchemaError   it has, but the schema is beyond the limits, or its references are broken: final, too
//	*RejectedError         it does not accept a schema (Register, Lookup): incompatible, invalid
//	*stream.UnavailableError, named [Dependency]
//	                       everything else: no connection, no answer in time, 5xx, 429, an answer that is no registry's
//	                       (HTML, a redirect, a 404 without a registry's code), and refused credentials (401, 403),
//	                       which an operator may mend. The bytes of the record are not to blame; it has to wait
//
// A request is repeated, at the next URL, when it failed in a way that may pass: no connection, no answer in time, 5xx,
// 408, 425, 429, an answer that is not JSON. After the other outages each further URL is asked once. A schema that a
// record names, or a reference, and that is not known, is asked for again within UnknownGrace: a node of the registry may
// be behind the producer that has just registered it.
//
// All errors name the registry's URL. None shows a password or a token.
//
// A Resolver and the schemas it gives may be used from any goroutine. Schemas must not be changed.
package registry
