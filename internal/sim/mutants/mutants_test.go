package mutants

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the module's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	return dir
}

func TestEveryPatchFitsTheCode(t *testing.T) {
	t.Parallel()
	all, err := Load(root(t), "patches")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(all), 25)
	for _, m := range all {
		require.NotEmpty(t, m.What, m.Name)
		require.NotEqual(t, m.Old, m.New, m.Name)
	}
}

// The whole list is `make sim-mutants`; these two show that the way of checking works.
func TestSimulatorFindsBugs(t *testing.T) {
	t.Parallel()
	all, err := Load(root(t), "patches")
	require.NoError(t, err)
	checked := 0
	for _, m := range all {
		if m.Name != "committer_release_at_once" && m.Name != "partition_done_when_letter_sent" {
			continue
		}
		checked++
		r, err := m.Check(t.Context(), root(t), t.TempDir(), 500)
		require.NoError(t, err)
		require.NotZero(t, r.Seed, "%s: %s was not found", m.Name, m.What)
		require.NotEmpty(t, r.Rule)
	}
	require.Equal(t, 2, checked)
}

func TestMutantThatIsNoneSurvives(t *testing.T) {
	t.Parallel()
	m := Mutant{Name: "none", File: "internal/core/doc.go", Old: "package core", New: "package core // as it is"}
	require.NoError(t, m.fits(root(t)))
	r, err := m.Check(t.Context(), root(t), t.TempDir(), 20)
	require.NoError(t, err)
	require.Zero(t, r.Seed)
}

func TestPatchThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("code.go", "package a\nvar one = 1\nvar two = 1\n")
	write("gone.txt", "it is wrong\ncode.go\n<<<<\nvar three = 1\n====\nvar three = 2\n>>>>\n")
	write("twice.txt", "it is wrong\ncode.go\n<<<<\n = 1\n====\n = 2\n>>>>\n")
	write("open.txt", "it is wrong\ncode.go\n<<<<\nvar one = 1\n====\n")
	write("good.txt", "it is wrong\ncode.go\n<<<<\nvar one = 1\n====\n\n>>>>\n")
	_, err := Load(dir, dir)
	require.ErrorContains(t, err, "gone.txt: the text occurs 0 times in code.go")
	require.ErrorContains(t, err, "twice.txt: the text occurs 2 times in code.go")
	require.ErrorContains(t, err, `open.txt: there is no line ">>>>" at the end`)
	require.NotContains(t, err.Error(), "good.txt")

	m, err := read(filepath.Join(dir, "good.txt"))
	require.NoError(t, err)
	require.Equal(t, Mutant{Name: "good", What: "it is wrong", File: "code.go", Old: "var one = 1"}, m)
}
