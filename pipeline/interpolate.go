package pipeline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

const (
	// referencedFileBytesMax bounds what ${file:...} reads: a secret or a certificate, not data.
	referencedFileBytesMax = 64 << 10
	// schemaFileBytesMax bounds a file with a schema.
	schemaFileBytesMax = 1 << 20
	// interpolatedBytesMax bounds what all references of one configuration put in.
	interpolatedBytesMax = 4 << 20
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// interpolator replaces references within scalars.
type interpolator struct {
	report   *report
	getenv   func(string) (string, bool)
	readFile func(string) ([]byte, error)
	total    int
}

// tree replaces the references in all values below n. Keys are left as they are.
func (in *interpolator) tree(n *node) {
	n.walk(func(n *node) {
		if n.kind == scalar && strings.Contains(n.text, "${") {
			in.scalar(n)
		}
	})
}

// scalar replaces the references in one scalar. A plain scalar that is one reference and nothing else takes the type that
// the text put in has; any other with a reference in it is a string.
func (in *interpolator) scalar(n *node) {
	var out strings.Builder
	whole := true
	for rest := n.text; rest != ""; {
		before, after, found := strings.Cut(rest, "${")
		if escaped, ok := strings.CutSuffix(before, "$"); found && ok {
			out.WriteString(escaped + "${")
			whole, rest = false, after
			continue
		}
		out.WriteString(before)
		whole = whole && before == ""
		if !found {
			break
		}
		reference, tail, closed := strings.Cut(after, "}")
		if !closed {
			in.report.add(n, "a reference is not closed: ${%s; write $${ for a literal ${", firstWord(after))
			return
		}
		text, err := in.resolve(reference, n)
		if err != nil {
			in.report.add(n, "%v", err)
			return
		}
		if in.total += len(text); in.total > interpolatedBytesMax {
			in.report.add(n, "the references put in more than %d bytes", interpolatedBytesMax)
			return
		}
		out.WriteString(text)
		whole = whole && tail == ""
		rest = tail
	}
	n.text = out.String()
	n.quoted = n.quoted || !whole
}

func firstWord(text string) string {
	if i := strings.IndexAny(text, " \n"); i >= 0 {
		text = text[:i]
	}
	if len(text) > 40 {
		text = text[:40]
	}
	return strings.ToValidUTF8(text, "")
}

func (in *interpolator) resolve(reference string, n *node) (string, error) {
	name, fallback, hasDefault := strings.Cut(reference, ":")
	if name == "file" && hasDefault {
		n.secret = true
		return in.file(fallback)
	}
	if !variableName.MatchString(name) {
		return "", fmt.Errorf("${%s} is no reference: want ${NAME}, ${NAME:default} or ${file:/path}; write $${ for a literal ${",
			firstWord(reference))
	}
	if text, set := in.getenv(name); set {
		return text, nil
	}
	if hasDefault {
		return fallback, nil
	}
	return "", fmt.Errorf("the environment variable %s is not set and ${%s} has no default; set it, or write ${%s:default}",
		name, name, name)
}

func (in *interpolator) file(path string) (string, error) {
	if path == "" {
		return "", errors.New("${file:} names no file")
	}
	content, err := in.readFile(path)
	if err != nil {
		return "", fmt.Errorf("${file:%s}: %w", path, err)
	}
	if len(content) > referencedFileBytesMax {
		return "", fmt.Errorf("${file:%s}: longer than %d bytes", path, referencedFileBytesMax)
	}
	text := strings.TrimSuffix(string(content), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

// readReferencedFile reads at most one byte more than is allowed, so that a device or a wrong path cannot fill memory.
func readReferencedFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	return io.ReadAll(io.LimitReader(file, schemaFileBytesMax+1))
}
