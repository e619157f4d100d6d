package registry

import "container/list"

// lru keeps the values that were used last, within two bounds. It is not safe for concurrent use.
type lru[K comparable, V any] struct {
	entriesMax int
	costMax    int64

	cost    int64
	order   *list.List // of *lruEntry, the one used last in front
	entries map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

func newLRU[K comparable, V any](entriesMax int, costMax int64) *lru[K, V] {
	return &lru[K, V]{entriesMax: entriesMax, costMax: costMax, order: list.New(), entries: make(map[K]*list.Element)}
}

func (c *lru[K, V]) get(key K) (value V, ok bool) {
	element, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*lruEntry[K, V]).value, true
}

// put keeps a value, and drops others. It keeps the newest even if that alone is above the bound of costs.
func (c *lru[K, V]) put(key K, value V, cost int64) {
	c.remove(key)
	c.entries[key] = c.order.PushFront(&lruEntry[K, V]{key, value, cost})
	c.cost += cost
	for len(c.entries) > 1 && (len(c.entries) > c.entriesMax || c.cost > c.costMax) {
		c.remove(c.order.Back().Value.(*lruEntry[K, V]).key)
	}
}

func (c *lru[K, V]) remove(key K) {
	if element, ok := c.entries[key]; ok {
		c.cost -= element.Value.(*lruEntry[K, V]).cost
		c.order.Remove(element)
		delete(c.entries, key)
	}
}
