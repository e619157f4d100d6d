package codec

import (
	"errors"
	"sync"

	"github.com/troupe-go/troupe/codec/registry"
)

// Bounds of what is kept compiled, for each format. What a schema is compiled to may take some 20 times its text.
const (
	compiledMax      = 1_000
	compiledBytesMax = 16 << 20
)

// compiled keeps what schemas were compiled to. Callers that want the same schema at the same time compile it once.
type compiled[C any] struct {
	compile func(*registry.Schema) (C, error)

	mu      sync.Mutex
	entries map[*registry.Schema]*compilation[C]
	bytes   int
}

// errNotCompiled is what is left of a schema whose compilation panicked.
var errNotCompiled = errors.New("the schema could not be compiled")

type compilation[C any] struct {
	once sync.Once
	code C
	err  error
	size int
}

func newCompiled[C any](compile func(*registry.Schema) (C, error)) *compiled[C] {
	return &compiled[C]{compile: compile, entries: make(map[*registry.Schema]*compilation[C])}
}

// get compiles a schema that is not known yet. A resolver gives one schema as the same pointer for as long as it keeps it.
func (c *compiled[C]) get(schema *registry.Schema) (C, error) {
	c.mu.Lock()
	entry, ok := c.entries[schema]
	if !ok {
		entry = &compilation[C]{size: textSize(schema), err: errNotCompiled}
		c.entries[schema] = entry
		c.bytes += entry.size
		c.bound(schema)
	}
	c.mu.Unlock()
	entry.once.Do(func() { entry.code, entry.err = c.compile(schema) })
	return entry.code, entry.err
}

// bound drops any others, as a map gives them: what is in use is soon compiled again. c.mu is held.
func (c *compiled[C]) bound(newest *registry.Schema) {
	for schema, entry := range c.entries {
		if len(c.entries) <= compiledMax && c.bytes <= compiledBytesMax {
			return
		}
		if schema != newest {
			delete(c.entries, schema)
			c.bytes -= entry.size
		}
	}
}

// textSize is how much there is to compile.
func textSize(schema *registry.Schema) int {
	size := len(schema.Text)
	for _, r := range schema.Dependencies() {
		size += len(r.Schema.Text)
	}
	return size
}
