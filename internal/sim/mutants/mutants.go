// Package mutants checks the simulator: it builds it with one deliberate bug at a time in the machines, and the simulator
// must find each within a number of seeds. A bug that it does not find is a hole in the oracle, or in the faults.
//
// The bugs are patches under patches/, one a file: a line that says what is wrong, the file, the text that is there and the
// text in its place. The text must occur exactly once, so that the patches follow the code. They are applied with the
// compiler's overlay: the tree stays as it is, and there is no switch in the production code.
package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Mutant is one deliberate bug.
type Mutant struct {
	Name string
	What string // is wrong
	File string // relative to the module's root
	Old  string
	New  string
}

// Result is what came of a mutant.
type Result struct {
	Mutant
	Seed uint64 // the first that found it; 0 when it survived
	Rule string // that was broken
	Took time.Duration
}

// The parts of a patch.
const (
	oldMark = "\n<<<<\n"
	newMark = "\n====\n"
	endMark = "\n>>>>\n"
)

// Load reads the patches of a folder and checks that each fits the module at root.
func Load(root, folder string) ([]Mutant, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, fmt.Errorf("look for patches: %w", err)
	}
	var (
		all    []Mutant
		faults []error
	)
	for _, path := range paths {
		m, err := read(path)
		if err == nil {
			err = m.fits(root)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
		}
		all = append(all, m)
	}
	return all, errors.Join(faults...)
}

func read(path string) (Mutant, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Mutant{}, err
	}
	m := Mutant{Name: strings.TrimSuffix(filepath.Base(path), ".txt")}
	head, rest, ok := strings.Cut(string(text), oldMark)
	if !ok {
		return m, fmt.Errorf("there is no line %q", strings.TrimSpace(oldMark))
	}
	if m.What, m.File, ok = strings.Cut(head, "\n"); !ok {
		return m, errors.New("the first line says what is wrong, the second names the file")
	}
	if m.Old, rest, ok = strings.Cut(rest, newMark); !ok {
		return m, fmt.Errorf("there is no line %q", strings.TrimSpace(newMark))
	}
	if m.New, _, ok = strings.Cut("\n"+rest, endMark); !ok {
		return m, fmt.Errorf("there is no line %q at the end", strings.TrimSpace(endMark))
	}
	m.New = strings.TrimPrefix(m.New, "\n")
	return m, nil
}

// fits says whether the patch can be applied.
func (m Mutant) fits(root string) error {
	text, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return err
	}
	if n := bytes.Count(text, []byte(m.Old)); n != 1 {
		return fmt.Errorf("the text occurs %d times in %s, and must occur once; adapt the patch to the code", n, m.File)
	}
	return nil
}

// Build builds the simulator with the bug into dir, and gives the program's path.
func (m Mutant) Build(ctx context.Context, root, dir string) (string, error) {
	original := filepath.Join(root, m.File)
	text, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(dir, m.Name+".go")
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(text), m.Old, m.New, 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", err
	}
	overlaid := filepath.Join(dir, m.Name+".json")
	if err := os.WriteFile(overlaid, overlay, 0o600); err != nil {
		return "", err
	}
	program := filepath.Join(dir, m.Name)
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlaid, "-o", program, "./internal/sim/cmd/sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with %s: %w\n%s", m.Name, err, out)
	}
	return program, nil
}

var failedSeed = regexp.MustCompile(`(?m)^FAILED seed (\d+): (\S+)`)

// Check builds the simulator with the bug and runs it over seeds from 1 on, until one finds it.
func (m Mutant) Check(ctx context.Context, root, dir string, seeds int) (Result, error) {
	began := time.Now()
	program, err := m.Build(ctx, root, dir)
	if err != nil {
		return Result{Mutant: m}, err
	}
	defer func() { _ = os.Remove(program) }() // the folder is the caller's to remove
	sim := exec.CommandContext(ctx, program, "-seeds", strconv.Itoa(seeds), "-parallel", "1", "-shrink=false", "-tail", "0")
	out, err := sim.CombinedOutput()
	r := Result{Mutant: m, Took: time.Since(began)}
	found := failedSeed.FindSubmatch(out)
	switch {
	case err == nil:
		return r, nil
	case found == nil:
		return r, fmt.Errorf("run with %s: %w\n%s", m.Name, err, out)
	}
	r.Seed, err = strconv.ParseUint(string(found[1]), 10, 64)
	r.Rule = string(found[2])
	return r, err
}
