// Package formats measures what it costs to trust no payload: a record of ten fields, decoded by troupe's codecs, which check
// it first, beside the library that each of them stands on, or would, which does not.
//
// The two of a pair are timed in turns, a tenth of a second each, and every second round begins with the other. What counts
// is the median of the rounds' ratios; nothing passes or fails by its time.
package formats
