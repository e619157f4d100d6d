package core

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

var update = flag.Bool("update", false, "write what the machines do into testdata/*.txt")

// script runs the commands of one file.
type script interface {
	// run carries out one command and gives what follows from it, a line each.
	run(w *words) []string
}

// TestScripts runs the situations in testdata. A line at the margin is a command, and the indented lines below it are all
// that the machine makes of it; -update writes them anew, to be read before they are committed. The first word of a file's
// name says which machine it is about.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			got := play(t, newScript(t, name), string(text))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
				return
			}
			require.Equal(t, string(text), got)
		})
	}
}

func newScript(t *testing.T, name string) script {
	t.Helper()
	machine, _, _ := strings.Cut(name, "_")
	switch machine {
	case "partition":
		return newPartitionScript()
	case "committer":
		return newCommitterScript()
	case "ownership":
		return newOwnershipScript()
	case "circuits":
		return newCircuitsScript()
	}
	require.Fail(t, "no machine of that name", machine)
	return nil
}

// play gives the file as it should be: its commands, each with what follows from it.
func play(t *testing.T, s script, text string) string {
	t.Helper()
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, " ") {
			continue
		}
		out.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		w := &words{t: t, where: fmt.Sprintf("line %d: %s", i+1, line), list: split(line)}
		for _, result := range s.run(w) {
			out.WriteString("    " + result + "\n")
		}
		require.Empty(t, w.list, "%s: words too many", w.where)
	}
	return out.String()
}

// words are those of a command that have not been read yet.
type words struct {
	t     *testing.T
	where string
	list  []string
}

// split cuts a line at spaces and commas; what stands in quotes is one word, and a comma is a word of its own.
func split(line string) (list []string) {
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimLeft(rest, " ") {
		switch rest[0] {
		case '"':
			end := strings.IndexByte(rest[1:], '"') + 2
			list, rest = append(list, rest[1:end-1]), rest[end:]
		case ',':
			list, rest = append(list, ","), rest[1:]
		default:
			end := strings.IndexAny(rest, " ,")
			if end < 0 {
				end = len(rest)
			}
			list, rest = append(list, rest[:end]), rest[end:]
		}
	}
	return list
}

func (w *words) fail(what string) { require.Fail(w.t, what, w.where) }

func (w *words) more() bool { return len(w.list) > 0 }

func (w *words) next() string {
	if len(w.list) == 0 {
		w.fail("a word is missing")
	}
	word := w.list[0]
	w.list = w.list[1:]
	return word
}

// take reads the next word if it is this one.
func (w *words) take(word string) bool {
	if len(w.list) == 0 || w.list[0] != word {
		return false
	}
	w.list = w.list[1:]
	return true
}

func (w *words) number() int64 {
	n, err := strconv.ParseInt(w.next(), 10, 64)
	require.NoError(w.t, err, w.where)
	return n
}

func (w *words) duration() time.Duration {
	d, err := time.ParseDuration(w.next())
	require.NoError(w.t, err, w.where)
	return d
}

func (w *words) failure() error { return errors.New(w.next()) }

// run reads 5..9, or 5.
func (w *words) run() offset.Run {
	from, to, many := strings.Cut(w.next(), "..")
	first, err := strconv.ParseInt(from, 10, 64)
	require.NoError(w.t, err, w.where)
	if !many {
		return offset.Run{First: first, Last: first}
	}
	last, err := strconv.ParseInt(to, 10, 64)
	require.NoError(w.t, err, w.where)
	return offset.Run{First: first, Last: last}
}

// runs reads as many as there are.
func (w *words) runs() (runs []offset.Run) {
	for w.more() && w.list[0][0] >= '0' && w.list[0][0] <= '9' {
		runs = append(runs, w.run())
	}
	return runs
}

// partition reads orders-0.
func (w *words) partition() stream.Partition {
	topic, number, _ := strings.Cut(w.next(), "-")
	n, err := strconv.ParseInt(number, 10, 32)
	require.NoError(w.t, err, w.where)
	return stream.Partition{Topic: topic, Number: int32(n)}
}

func (w *words) partitions() (list []stream.Partition) {
	for w.more() {
		list = append(list, w.partition())
	}
	return list
}

// incarnation reads orders-0 #1.
func (w *words) incarnation() messages.Incarnation {
	p := w.partition()
	e, err := strconv.ParseUint(strings.TrimPrefix(w.next(), "#"), 10, 64)
	require.NoError(w.t, err, w.where)
	return messages.Incarnation{Partition: p, Epoch: e}
}

func (w *words) incarnations() (list []messages.Incarnation) {
	for w.more() {
		list = append(list, w.incarnation())
		w.take(",")
	}
	return list
}

// lines are what a step led to.
type report []string

func (l *report) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

func (l *report) count(what string, n int) {
	if n != 0 {
		l.add("%s %d", what, n)
	}
}

func (l *report) wake(now, at time.Time) {
	if !at.IsZero() {
		l.add("wake +%s", at.Sub(now).Round(time.Millisecond))
	}
}

func (l *report) events(events []stream.Event) {
	for _, e := range events {
		l.add("event %s%s", e.EventName(), eventText(e))
	}
}

// eventText shows what matters of an event.
func eventText(e stream.Event) string {
	switch e := e.(type) {
	case stream.Retried:
		return fmt.Sprintf(" %d attempt %d %s %q in %s", e.Offset, e.Attempt, e.Reason, e.Error, time.Duration(e.DelayMS)*time.Millisecond)
	case stream.Skipped:
		return fmt.Sprintf(" %d..%d, %d records, %q", e.First, e.Last, e.Count, e.Reason)
	case stream.DeadLettered:
		return fmt.Sprintf(" %d to %s as %s, attempts %d, %q", e.Offset, e.Target, e.Reason, e.Attempts, e.Error)
	case stream.KeyHeld:
		return fmt.Sprintf(" for %d, %d held", e.Offset, e.Held)
	case stream.KeyReleased:
		return fmt.Sprintf(" %d held", e.Held)
	case stream.Dropped:
		return fmt.Sprintf(" %d %q", e.Offset, e.Error)
	case stream.Panicked:
		return fmt.Sprintf(" %d %q", e.Offset, e.Value)
	case stream.HandlerStuckFor:
		return fmt.Sprintf(" %d for %s", e.Offset, time.Duration(e.ForMS)*time.Millisecond)
	case stream.CauseChanged:
		return strings.TrimSuffix(fmt.Sprintf(" %s to %s: %s", e.From, e.To, e.Detail), ": ")
	case stream.CircuitChanged:
		if e.Open {
			return fmt.Sprintf(" %s open: %s", e.Name, e.Error)
		}
		return " " + e.Name + " closed"
	case stream.Committed:
		text := ""
		for _, o := range e.Offsets {
			text += fmt.Sprintf(" %s #%d %d,", o.Partition, o.Epoch, o.Offset)
		}
		return fmt.Sprintf("%s %d records", text, e.Records)
	case stream.CommitFailed:
		return fmt.Sprintf(" %v %q, sent again: %t", e.Partitions, e.Error, e.Retried)
	case stream.Started:
		return fmt.Sprintf(" %s #%d at %d (%s), %d done before", e.Partition, e.Epoch, e.Offset, e.Origin, e.Skipped)
	case stream.StartUnavailable:
		return fmt.Sprintf(" %s #%d %q", e.Partition, e.Epoch, e.Error)
	case stream.OutOfRange:
		return fmt.Sprintf(" %s #%d %d is outside %d..%d, chosen %d", e.Partition, e.Epoch, e.Position, e.LogStart, e.LogEnd, e.Chosen)
	case stream.TopicRecreated:
		return fmt.Sprintf(" %s was %s, is %s", e.Topic, e.OldID, e.NewID)
	case stream.MetadataIgnored:
		return fmt.Sprintf(" %s #%d %q", e.Partition, e.Epoch, e.Error)
	case stream.Assigned:
		return fmt.Sprintf(" %v", e.Partitions)
	case stream.Stalled:
		return fmt.Sprintf(" %v used %d", e.Partitions, e.UsedBytes)
	case stream.Resumed:
		return fmt.Sprintf(" %v", e.Partitions)
	case stream.Paused:
		return fmt.Sprintf(" %v", e.Partitions)
	case stream.Revoked, stream.Lost, stream.Restarted, stream.ClientTrouble, stream.NoProgress, stream.ProgressResumed, stream.Ended:
	}
	return ""
}

// runsOf writes offsets as runs: 5..9 11.
func runsOf(offsets []int64) string {
	var text []string
	for i := 0; i < len(offsets); {
		j := i
		for j+1 < len(offsets) && offsets[j+1] == offsets[j]+1 {
			j++
		}
		text = append(text, offset.Run{First: offsets[i], Last: offsets[j]}.String())
		i = j + 1
	}
	return strings.Join(text, " ")
}

// beyond shows what a commit's metadata says is done.
func beyond(w messages.Watermark, topicID string) string {
	if w.Metadata == "" {
		return ""
	}
	doneText, heldText := hold.Split(w.Metadata)
	runs, err := offset.Decode(doneText, w.Offset, topicID)
	held, heldErr := hold.Decode(heldText, topicID)
	if err != nil || heldErr != nil {
		return fmt.Sprintf(" metadata %q", w.Metadata)
	}
	text := ""
	if len(runs) > 0 {
		text = " and beyond it"
	}
	for _, r := range runs {
		text += " " + r.String()
	}
	if len(held) > 0 {
		text += fmt.Sprintf(" with %d keys held", len(held))
	}
	return text
}
