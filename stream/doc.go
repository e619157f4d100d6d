// Package stream holds what user code and the engine share: records and messages, handlers and their verdicts, start
// offsets, events, and the status a processor shows. It imports the standard library only; package troupe re-exports it.
package stream
