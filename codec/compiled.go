package codec

import (
	"errors"
	"sync"

	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
)

// Bounds of what is kept compiled, for each format. What a schema is compiled to may take some 20 times its text.
const (
	compiledMax      = 1_000
	compiledBytesMax = 16 << 20
)

// schemaName is what a record, or a registry, calls a schema. It means the same schema for ever.
type schemaName struct {
	id   int32
	guid wire.GUID // where there is no id
}

func nameOf(schema *registry.Schema) schemaName {
	if schema.ID != 0 {
		return schemaName{id: schema.ID}
	}
	return schemaName{guid: schema.GUID}
}

// compiled keeps what schemas were compiled to. Callers that want the same schema at the same time compile it once.
type compiled[C any] struct {
	compile func(*registry.Schema) (C, error)

	mu      sync.RWMutex
	entries map[schemaName]*compilation[C]
	bytes   int
}

type compilation[C any] struct {
	schema *registry.Schema
	size   int
	once   sync.Once
	code   C
	err    error
}

// errNotCompiled is what is left of a schema whose compilation panicked.
var errNotCompiled = errors.New("the schema could not be compiled")

func newCompiled[C any](compile func(*registry.Schema) (C, error)) *compiled[C] {
	return &compiled[C]{compile: compile, entries: make(map[schemaName]*compilation[C])}
}

// known gives what a schema was compiled to, if it was, or is being.
func (c *compiled[C]) known(name schemaName) (code C, err error, ok bool) { //nolint:revive // the error is the compilation's
	c.mu.RLock()
	entry, ok := c.entries[name]
	c.mu.RUnlock()
	if !ok {
		return code, nil, false
	}
	code, err = c.result(entry)
	return code, err, true
}

// get compiles a schema, unless that was done.
func (c *compiled[C]) get(name schemaName, schema *registry.Schema) (C, error) {
	return c.result(c.entry(name, schema))
}

func (c *compiled[C]) result(entry *compilation[C]) (C, error) {
	entry.once.Do(func() { entry.code, entry.err = c.compile(entry.schema) })
	return entry.code, entry.err
}

func (c *compiled[C]) entry(name schemaName, schema *registry.Schema) *compilation[C] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.entries[name]; ok {
		return entry
	}
	entry := &compilation[C]{schema: schema, size: textSize(schema), err: errNotCompiled}
	c.entries[name] = entry
	c.bytes += entry.size
	c.bound(name)
	return entry
}

// bound drops any others, as a map gives them: what is in use is soon compiled again. c.mu is held.
func (c *compiled[C]) bound(newest schemaName) {
	for name, entry := range c.entries {
		if len(c.entries) <= compiledMax && c.bytes <= compiledBytesMax {
			return
		}
		if name != newest {
			delete(c.entries, name)
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
