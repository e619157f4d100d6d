package registry

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec/wire"
)

// onlyFolder is the one registry's folder in dir.
func onlyFolder(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	return filepath.Join(dir, entries[0].Name())
}

// stocked is a folder in which a resolver has left the schema with id 1 and two it refers to.
func stocked(t *testing.T) (dir string, f *fake, s *Schema) {
	t.Helper()
	dir = t.TempDir()
	f = newFake(t)
	f.on("GET /schemas/ids/1", described(1, "order <&> \u2028", ref{"c", "customer", 3}, ref{"m", "money", 1}))
	f.on(version("customer", 3), described(2, "customer", ref{"m", "money", 1}))
	f.on(version("money", 1), described(3, "money"))
	r := f.with(func(c *Config) { c.Dir = dir })
	s, err := r.ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, int64(1), r.Stats().DiskWrites)
	f.requests()
	return dir, f, s
}

func away(f *fake) { f.on("a.test", fails(syscall.ECONNREFUSED)) }

func TestRestartWhileTheRegistryIsAwayGoesOn(t *testing.T) {
	t.Parallel()
	dir, _, s := stocked(t)
	f := newFake(t)
	away(f)
	r := f.with(func(c *Config) { c.Dir, c.Backoff = dir, 1 })
	got, err := r.ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, s, got)
	require.Same(t, got.References[1].Schema, got.References[0].Schema.References[0].Schema)
	require.Equal(t, int64(1), r.Stats().DiskReads)
	_, err = r.ByID(t.Context(), 2)
	requireOutage(t, err)
	_, err = r.Latest(t.Context(), "customer")
	requireOutage(t, err)

	f.requests()
	_, err = r.ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, f.requests())
}

func TestGUIDsAreKeptOnDiskToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFake(t)
	f.on("", text(200, `{"schema":"{}","schemaType":"JSON"}`))
	s, err := f.with(func(c *Config) { c.Dir = dir }).ByGUID(t.Context(), wire.GUID{9})
	require.NoError(t, err)
	away(f)
	got, err := f.with(func(c *Config) { c.Dir, c.Backoff = dir, 1 }).ByGUID(t.Context(), wire.GUID{9})
	require.NoError(t, err)
	require.Equal(t, s, got)
}

func TestTheRegistryCountsMoreThanTheDisk(t *testing.T) {
	t.Parallel()
	dir, f, _ := stocked(t)
	f.on("GET /schemas/ids/1", described(1, "another"))
	r := f.with(func(c *Config) { c.Dir = dir })
	s, err := r.ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "another", s.Text, "a registry that was set up anew gives ids anew")
	require.Equal(t, int64(1), r.Stats().DiskWrites)

	f.on("GET /schemas/ids/1", notFound)
	_, err = f.with(func(c *Config) { c.Dir, c.UnknownGrace = dir, -1 }).ByID(t.Context(), 1)
	requireUnknown(t, err)

	f.on("GET /schemas/ids/1", described(1, "another"))
	r = f.with(func(c *Config) { c.Dir = dir })
	_, err = r.ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Zero(t, r.Stats().DiskWrites, "what is there already is not written again")
}

func TestFoldersBelongToOneRegistryAndUser(t *testing.T) {
	t.Parallel()
	dir, f, _ := stocked(t)
	away(f)
	for name, change := range map[string]func(*Config){
		"another URL":  func(c *Config) { c.URLs = []string{nodeB} },
		"another user": func(c *Config) { c.Username = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.on("", fails(syscall.ECONNREFUSED))
			_, err := f.with(func(c *Config) { c.Dir, c.Backoff = dir, 1; change(c) }).ByID(t.Context(), 1)
			requireOutage(t, err)
		})
	}
	one := Config{URLs: []string{"http://a:1", "http://b:2"}}
	two := Config{URLs: []string{"http://b:2", "http://a:1"}}
	require.Equal(t, folderName(&one), folderName(&two), "the order is of no account")
	require.Regexp(t, `^a_1-[0-9a-f]{16}$`, folderName(&one))
	odd := Config{URLs: []string{"http://[::1]:8081/../" + strings.Repeat("x", 300)}}
	require.Regexp(t, `^___1__8081-[0-9a-f]{16}$`, folderName(&odd))
}

func TestDamagedFilesAreIgnoredAndReplaced(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string, content []byte) []byte{
		"empty":     func(string, []byte) []byte { return nil },
		"cut":       func(_ string, content []byte) []byte { return content[:len(content)-1] },
		"a bit":     func(_ string, content []byte) []byte { content[len(content)/2] ^= 1; return content },
		"another's": func(_ string, _ []byte) []byte { c, _ := encodeFile("id-2", &Schema{Type: Avro, Text: "x"}); return c },
		"huge":      func(_ string, content []byte) []byte { return append(content, make([]byte, 2<<20)...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, f, s := stocked(t)
			path := filepath.Join(onlyFolder(t, dir), "id-1.schema")
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage(path, content), 0o600))
			var log strings.Builder
			logger := slog.New(slog.NewTextHandler(&log, nil))

			gone := newFake(t)
			away(gone)
			r := gone.with(func(c *Config) { c.Dir, c.Backoff, c.Logger, c.AnswerBytesMax = dir, 1, logger, 10_000 })
			_, err = r.ByID(t.Context(), 1)
			requireOutage(t, err)
			require.Equal(t, int64(1), r.Stats().DiskFailures)
			require.Contains(t, log.String(), "is ignored")

			got, err := f.with(func(c *Config) { c.Dir = dir }).ByID(t.Context(), 1)
			require.NoError(t, err)
			require.Equal(t, s, got)
			got, err = gone.with(func(c *Config) { c.Dir, c.Backoff = dir, 1 }).ByID(t.Context(), 1)
			require.NoError(t, err, "the registry's answer has replaced it")
			require.Equal(t, s, got)
		})
	}
}

func TestFolderIsBoundedAndCleaned(t *testing.T) {
	t.Parallel()
	dir, f, _ := stocked(t)
	folder := onlyFolder(t, dir)
	left, fresh := filepath.Join(folder, tempPrefix+"left"), filepath.Join(folder, tempPrefix+"fresh")
	for _, path := range []string{left, fresh} {
		require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
	}
	old := time.Now().Add(-2 * tempAge)
	require.NoError(t, os.Chtimes(left, old, old))
	f.on("GET /schemas/ids/8", described(8, "eight"))
	f.on("GET /schemas/ids/9", described(9, "nine"))
	var log strings.Builder
	r := f.with(func(c *Config) { c.Dir, c.SchemasMax, c.Logger = dir, 2, slog.New(slog.NewTextHandler(&log, nil)) })
	for _, id := range []int32{8, 9, 1} {
		_, err := r.ByID(t.Context(), id)
		require.NoError(t, err)
	}
	require.NoFileExists(t, left)
	require.FileExists(t, fresh)
	require.FileExists(t, filepath.Join(folder, "id-8.schema"))
	require.NoFileExists(t, filepath.Join(folder, "id-9.schema"))
	require.Equal(t, 1, strings.Count(log.String(), "is full"))
}

func TestFolderThatGoesAwayCostsNothingButItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFake(t)
	f.on("", described(1, "x"))
	r := f.with(func(c *Config) { c.Dir = dir })
	require.NoError(t, os.RemoveAll(onlyFolder(t, dir)))
	_, err := r.ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, int64(1), r.Stats().DiskFailures)
}

func TestProcessesShareAFolder(t *testing.T) {
	t.Parallel()
	dir, f, s := stocked(t)
	require.NoError(t, os.Remove(filepath.Join(onlyFolder(t, dir), "id-1.schema")))
	var group sync.WaitGroup
	for range 8 {
		r := f.with(func(c *Config) { c.Dir = dir })
		group.Go(func() {
			if _, err := r.ByID(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	entries, err := os.ReadDir(onlyFolder(t, dir))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	gone := newFake(t)
	away(gone)
	got, err := gone.with(func(c *Config) { c.Dir, c.Backoff = dir, 1 }).ByID(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, s, got)
}
