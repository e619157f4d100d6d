package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress is a line that is written over and over, on a terminal only.
type progress struct {
	to    io.Writer
	noun  string
	on    bool
	width int
}

func newProgress(to io.Writer, noun string) *progress {
	return &progress{to: to, noun: noun, on: onTerminal(to)}
}

func (p *progress) show(done, total int64, since time.Duration) {
	if !p.on {
		return
	}
	line := fmt.Sprintf("%s of %s %s, %d %%, %s/s", thousands(done), thousands(total), p.noun,
		100*done/max(total, 1), thousands(perSecond(done, since)))
	fmt.Fprintf(p.to, "\r%-*s", p.width, line)
	p.width = len(line)
}

// clear wipes the line away.
func (p *progress) clear() {
	if p.on && p.width > 0 {
		fmt.Fprintf(p.to, "\r%*s\r", p.width, "")
	}
}

func perSecond(n int64, d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64(float64(n) / d.Seconds())
}

// thousands writes a number with commas.
func thousands(n int64) string {
	digits := fmt.Sprint(max(n, -n))
	var b strings.Builder
	if n < 0 {
		b.WriteByte('-')
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
