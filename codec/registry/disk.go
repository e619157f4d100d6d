package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// disk is a folder of schemas, one file for each id or GUID. Ids mean something in one registry only, so each registry
// has a folder of its own in Config.Dir, called by the first URL's host and a hash of all URLs and the user name (some
// registries are told apart by the user alone). Files appear by being renamed, so that one is whole or not there, and carry
// a checksum.
type disk struct {
	folder   string
	bytesMax int64
	filesMax int

	mu    sync.Mutex
	files int
	full  bool
}

const (
	schemaSuffix = ".schema"
	tempPrefix   = ".new-"
	// tempAge is when a file that was being written is one that a crash has left behind.
	tempAge = time.Hour
	// hostLettersMax is how much of the host is in the folder's name.
	hostLettersMax = 60
)

var errDiskFull = errors.New("the folder has as many schemas as it may have")

// openDisk makes the registry's folder, and finds out at once whether it can be written.
func openDisk(config *Config) (*disk, error) {
	// JSON escapes may make a text six times as long.
	d := &disk{
		folder:   filepath.Join(config.Dir, folderName(config)),
		bytesMax: 6*texts*config.AnswerBytesMax + int64(config.ReferencesMax+1)*fileNodeBytes,
		filesMax: config.SchemasMax,
	}
	if err := os.MkdirAll(d.folder, 0o700); err != nil {
		return nil, fmt.Errorf("folder for schemas: %w", err)
	}
	entries, err := os.ReadDir(d.folder)
	if err != nil {
		return nil, fmt.Errorf("folder for schemas: %w", err)
	}
	for _, entry := range entries {
		switch {
		case strings.HasSuffix(entry.Name(), schemaSuffix):
			d.files++
		case strings.HasPrefix(entry.Name(), tempPrefix):
			if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > tempAge {
				_ = os.Remove(filepath.Join(d.folder, entry.Name())) // the next start will find it again
			}
		}
	}
	trial, err := os.CreateTemp(d.folder, tempPrefix)
	if err != nil {
		return nil, fmt.Errorf("folder for schemas: %w", err)
	}
	return d, errors.Join(trial.Close(), os.Remove(trial.Name()))
}

// folderName says which registry it is. The order of the URLs is of no account.
func folderName(config *Config) string {
	urls := slices.Clone(config.URLs)
	slices.Sort(urls)
	hash := sha256.New()
	for _, part := range append(urls, config.Username) {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	host := "registry"
	if u, err := url.Parse(urls[0]); err == nil {
		host = u.Host
	}
	host = strings.Map(func(letter rune) rune {
		if letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9' || letter == '-' || letter == '.' {
			return letter
		}
		return '_'
	}, host)
	return strings.TrimLeft(host[:min(len(host), hostLettersMax)], ".") + "-" + hex.EncodeToString(hash.Sum(nil)[:8])
}

// key is a question in a file's name, and in the file.
func (q question) key() string {
	if q.kind == byGUID {
		return "guid-" + q.guid.String()
	}
	return fmt.Sprintf("id-%d", q.id)
}

func (d *disk) path(q question) string { return filepath.Join(d.folder, q.key()+schemaSuffix) }

// store writes a schema, unless it is there already. It says whether it wrote.
func (d *disk) store(q question, s *Schema) (wrote bool, err error) {
	content, err := encodeFile(q.key(), s)
	if err != nil {
		return false, err
	}
	if int64(len(content)) > d.bytesMax {
		return false, fmt.Errorf("%s: %w: %d bytes", q, ErrTooLarge, len(content))
	}
	path := d.path(q)
	old, err := d.read(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err == nil && bytes.Equal(old, content) {
		return false, nil
	}
	if isNew && !d.reserve() {
		return false, errDiskFull
	}
	if err := d.replace(path, content); err != nil {
		if isNew {
			d.mu.Lock()
			d.files--
			d.mu.Unlock()
		}
		return false, err
	}
	return true, nil
}

func (d *disk) reserve() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files >= d.filesMax {
		return false
	}
	d.files++
	return true
}

func (d *disk) replace(path string, content []byte) error {
	file, err := os.CreateTemp(d.folder, tempPrefix)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	// Without the sync a power cut can leave the new name with nothing in it.
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// load reads a schema. It fails with fs.ErrNotExist where there is none.
func (d *disk) load(q question) (*Schema, error) {
	path := d.path(q)
	content, err := d.read(path)
	if err != nil {
		return nil, err
	}
	s, err := decodeFile(q.key(), content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func (d *disk) read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, d.bytesMax+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if int64(len(content)) > d.bytesMax {
		return nil, fmt.Errorf("%s: %w: more than %d bytes", path, ErrTooLarge, d.bytesMax)
	}
	return content, nil
}

// keepOnDisk stores what the registry has answered. A failure costs nothing now.
func (r *Resolver) keepOnDisk(q question, s *Schema) {
	wrote, err := r.disk.store(q, s)
	switch {
	case errors.Is(err, errDiskFull):
		r.disk.mu.Lock()
		first := !r.disk.full
		r.disk.full = true
		r.disk.mu.Unlock()
		if first {
			r.config.Logger.Warn("the folder for schemas is full, new ones are not kept there", "folder", r.disk.folder, "schemas", r.disk.filesMax)
		}
	case err != nil:
		r.counters.diskFailures.Add(1)
		r.config.Logger.Warn("a schema could not be kept on disk", "schema", q.String(), "error", err)
	case wrote:
		r.counters.diskWrites.Add(1)
	}
}

// fromDisk is what was stored before. A damaged file counts as none: the registry's answer will replace it.
func (r *Resolver) fromDisk(q question) (*Schema, bool) {
	s, err := r.disk.load(q)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false
	case err != nil:
		r.counters.diskFailures.Add(1)
		r.config.Logger.Warn("a schema kept on disk cannot be read and is ignored", "schema", q.String(), "error", err)
		return nil, false
	}
	r.counters.diskReads.Add(1)
	return s, true
}
