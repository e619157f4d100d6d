package interop

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
)

// Directions of an exchange.
const (
	toTroupe = "Python to troupe"
	toPython = "troupe to Python"
)

// compared counts what was found to be equal, for who runs the tests.
var compared tally

type tally struct {
	mu   sync.Mutex
	rows []row
}

type row struct {
	what, direction string
	cases, records  int
}

// add counts one case.
func (c *tally) add(what, direction string, records int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.rows {
		if at := &c.rows[i]; at.what == what && at.direction == direction {
			at.cases++
			at.records += records
			return
		}
	}
	c.rows = append(c.rows, row{what, direction, 1, records})
}

func (c *tally) print(to io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortFunc(c.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.direction, b.direction))
	})
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "found equal\tdirection\tcases\trecords")
	for _, r := range c.rows {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\n", r.what, r.direction, r.cases, r.records)
	}
	_ = table.Flush() // to a terminal or a log: there is nobody else to tell
}
