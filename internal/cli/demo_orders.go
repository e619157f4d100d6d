package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// The topics of the demo. The dead-letter topic is left for the processor to create.
const (
	placedTopic     = "orders.placed"
	updatedTopic    = "orders.updated"
	enrichedTopic   = "orders.enriched"
	deadLetterTopic = "orders.dead-letter"
	demoPartitions  = 12
)

// traceHeader carries the order's number beside the value, because a broken value cannot say whose it is.
const traceHeader = "trace-id"

// orderKind is what is special about an order of the demo, and so what must become of it.
type orderKind uint8

const (
	soundOrder     orderKind = iota // enriched
	flakyOrder                      // enriched at the third attempt
	cancelledOrder                  // filtered out
	brokenOrder                     // unreadable: a dead letter
	pricelessOrder                  // no amount: a dead letter, because the mapping fails
	orderKinds     = int(pricelessOrder) + 1
)

// order is one record that the demo produces.
type order struct {
	id       string
	kind     orderKind
	topic    string
	key      []byte
	document string // in JSON, whole
	damage   damage // of a broken order
	value    []byte
	cents    int64
}

// damage is how an order is made unreadable.
type damage uint8

const (
	tornOff damage = iota
	foreign        // of another format; JSON has a byte that is no UTF-8 instead
	overlong
	damages = int(overlong) + 1
)

// shares gives how many orders of each kind there are: 1 % flaky, 2 % cancelled, 0.5 % broken, 0.5 % without an amount,
// rounded up so that a small demo has each of them too.
func shares(total int) [orderKinds]int {
	perMille := func(n int) int { return (total*n + 999) / 1000 }
	var counts [orderKinds]int
	counts[flakyOrder], counts[cancelledOrder] = perMille(10), perMille(20)
	counts[brokenOrder], counts[pricelessOrder] = perMille(5), perMille(5)
	counts[soundOrder] = total
	for _, n := range counts[flakyOrder:] {
		counts[soundOrder] -= n
	}
	return counts
}

// makeOrders makes the orders of a demo: the same ones from the same seed.
func makeOrders(total int, seed uint64) []order {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // test data must repeat from its seed
	kinds := make([]orderKind, 0, total)
	for kind, n := range shares(total) {
		for range n {
			kinds = append(kinds, orderKind(kind))
		}
	}
	random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	orders := make([]order, total)
	for i, kind := range kinds {
		orders[i] = makeOrder(i, kind, random)
	}
	return orders
}

func makeOrder(number int, kind orderKind, random *rand.Rand) order {
	customer := fmt.Sprintf("customer-%04d", random.IntN(2_000))
	o := order{
		id: fmt.Sprintf("order-%07d", number), kind: kind, topic: placedTopic,
		key: []byte(customer), cents: 1 + random.Int64N(1_000_000),
	}
	status := "placed"
	if random.IntN(2) == 1 {
		o.topic, status = updatedTopic, "paid"
	}
	if kind == cancelledOrder {
		status = "cancelled"
	}
	amount := fmt.Sprintf(`,"amount":%d.%02d`, o.cents/100, o.cents%100)
	if kind == pricelessOrder {
		amount = ""
	}
	o.document = fmt.Sprintf(`{"order_id":%q,"customer":%q,"status":%q%s,"currency":"EUR"}`, o.id, customer, status, amount)
	if kind == brokenOrder {
		o.damage = damage(random.IntN(damages))
	}
	o.write([]byte(o.document), o.document[:len(o.document)-2]+"\xff"+o.document[len(o.document)-2:])
	return o
}

// write makes the value of a whole one, or of one in another format, as the order's kind wants it.
func (o *order) write(whole []byte, other string) {
	o.value = whole
	if o.kind != brokenOrder {
		return
	}
	switch o.damage {
	case tornOff:
		o.value = whole[:len(whole)/2]
	case foreign:
		o.value = []byte(other)
	case overlong:
		o.value = append(slices.Clip(whole), '}')
	}
}

func (o *order) headers() []stream.Header {
	return []stream.Header{{Key: traceHeader, Value: []byte(o.id)}, {Key: "source", Value: []byte("troupe demo")}}
}

// produceOrders writes all orders and gives an error unless every one is acknowledged.
func produceOrders(ctx context.Context, client kafka.Client, orders []order) error {
	var mu sync.Mutex
	var refused []error
	s, err := newSender(client, "orders", func(token uint64, err error) {
		mu.Lock()
		defer mu.Unlock()
		refused = append(refused, fmt.Errorf("%s: %w", orders[token].id, err))
	})
	if err != nil {
		return err
	}
	for i := range orders {
		o := &orders[i]
		m := stream.Message{Topic: o.topic, Key: o.key, Value: o.value, Headers: o.headers()}
		if err = s.send(ctx, &m, uint64(i)); err != nil {
			break
		}
	}
	err = errors.Join(err, s.finish(ctx))
	mu.Lock()
	defer mu.Unlock()
	if err = errors.Join(append(refused, err)...); err != nil {
		return fmt.Errorf("produce the orders: %w", err)
	}
	return nil
}
