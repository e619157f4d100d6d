package interop

import "testing"

func TestAvro(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exchanges := as(formatAvro, avroExchanges())
	w.fromPython(exchanges)
	w.toPython(exchanges)
}

// as gives exchanges their format.
func as(format string, exchanges []exchange) []exchange {
	for i := range exchanges {
		exchanges[i].format = format
	}
	return exchanges
}
