package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a configuration.
type Fault struct {
	// File is the name given to Load, or the --set flag without its value.
	File string `json:"file"`
	// Line and Column count from 1; both are 0 where there is no place in the file.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path is the key, like "retry.max_attempts" or "steps.0.filter"; empty for the whole file.
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	// Suggestion is the word that was probably meant.
	Suggestion string `json:"suggestion,omitempty"`
}

// Error is the fault on one line: `orders.yaml:12:3: retry.max_attemps: unknown key, did you mean "max_attempts"?`.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	if f.Suggestion != "" {
		fmt.Fprintf(&b, ", did you mean %q?", f.Suggestion)
	}
	return b.String()
}

// Faults are all faults of a configuration, in the order of the file. It is the error that Load returns.
type Faults []Fault

func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// report collects faults while a configuration is read.
type report struct {
	file   string
	faults Faults
}

// add reports a fault at a node.
func (r *report) add(at *node, message string, args ...any) {
	r.suggest(at, "", message, args...)
}

func (r *report) suggest(at *node, suggestion, message string, args ...any) {
	r.faults = append(r.faults, Fault{
		File: at.origin(r.file), Line: at.line, Column: at.column, Path: at.path,
		Message: fmt.Sprintf(message, args...), Suggestion: suggestion,
	})
}

// sorted gives the faults in the order of the file, those of flags last, each once.
func (r *report) sorted() Faults {
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		inFile := func(f Fault) int {
			if f.File == r.file {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(inFile(a), inFile(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Path, b.Path))
	})
	return slices.Compact(r.faults)
}

// nearest gives the candidate that word was probably meant to be, or nothing.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, candidate := range candidates {
		d := distance(strings.ToLower(word), candidate)
		if d < bestDistance && d < len(candidate) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of single-letter edits between a and b (Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// merge adds faults at places that have none yet.
func (r *report) merge(faults Faults) {
	known := make(map[string]bool, len(r.faults))
	for _, f := range r.faults {
		known[f.Path] = true
	}
	for _, f := range faults {
		if !known[f.Path] {
			r.faults = append(r.faults, f)
		}
	}
}
