package offset_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/offset"
)

// TestScripts runs the situations in testdata. A line is a command and its offsets: start 5, add 5..9 12, done 7
// 8..9 (one after the other), compact, each optionally followed by "fails: part of the error"; "expect" compares the whole state.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var tracker *offset.Tracker
			for i, line := range strings.Split(string(text), "\n") {
				where := fmt.Sprintf("%s:%d: %s", file, i+1, line)
				line = strings.TrimSpace(line)
				switch {
				case line == "" || line[0] == '#':
				case strings.HasPrefix(line, "start "):
					tracker = offset.NewTracker(number(t, strings.TrimPrefix(line, "start ")))
				case strings.HasPrefix(line, "expect "):
					require.Equal(t, strings.TrimPrefix(line, "expect "), describe(tracker), where)
				default:
					command, failure, fails := strings.Cut(line, " fails: ")
					err := perform(t, tracker, strings.Fields(command))
					if fails {
						require.ErrorContains(t, err, failure, where)
					} else {
						require.NoError(t, err, where)
					}
				}
			}
		})
	}
}

func perform(t *testing.T, tracker *offset.Tracker, words []string) error {
	t.Helper()
	if words[0] == "compact" {
		tracker.Compact()
	}
	for _, word := range words[1:] {
		from, to, many := strings.Cut(word, "..")
		first := number(t, from)
		last := first
		if many {
			last = number(t, to)
		}
		for at := first; at <= last; at++ {
			var err error
			switch words[0] {
			case "add":
				err = tracker.Add(at)
			case "done":
				err = tracker.Done(at)
			default:
				require.Fail(t, "unknown command", words[0])
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func describe(tracker *offset.Tracker) string {
	lowest := "none"
	if at, ok := tracker.Lowest(); ok {
		lowest = strconv.FormatInt(at, 10)
	}
	beyond := "none"
	if runs := tracker.DoneBeyond(); len(runs) > 0 {
		beyond = strings.Trim(fmt.Sprint(runs), "[]")
	}
	return fmt.Sprintf("watermark %d, pending %d, lowest %s, last %d, beyond %s",
		tracker.Watermark(), tracker.Pending(), lowest, tracker.Last(), beyond)
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	require.NoError(t, err)
	return n
}
