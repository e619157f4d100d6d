package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/codec/wire"
)

// A file is a line with this and the SHA-256 of all that follows, in hexadecimal, and then a fileContent in JSON.
const fileMagic = "troupe-schema-1 "

// fileNodeBytes is what a node takes beside its text, at most: names and subjects are bounded by what a registry allows.
const fileNodeBytes = 4 << 10

// errDamaged is a file that is not as it was written.
var errDamaged = errors.New("the file is damaged")

// fileContent is a schema and its references. Each is there once; a reference is the position of one before it, so that
// no file can describe a circle, or a small file a large tree.
type fileContent struct {
	Key   string     `json:"key"`
	Nodes []fileNode `json:"nodes"` // the schema itself is the last one
}

type fileNode struct {
	ID         int32           `json:"id,omitempty"`
	GUID       *wire.GUID      `json:"guid,omitempty"`
	Type       Type            `json:"type"`
	Subject    string          `json:"subject,omitempty"`
	Version    int             `json:"version,omitempty"`
	Text       string          `json:"text"`
	References []fileReference `json:"references,omitempty"`
}

type fileReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
	Node    int    `json:"node"`
}

func encodeFile(key string, s *Schema) ([]byte, error) {
	content := fileContent{Key: key}
	position := make(map[*Schema]int)
	add := func(s *Schema) {
		if _, ok := position[s]; ok {
			return
		}
		n := fileNode{ID: s.ID, Type: s.Type, Subject: s.Subject, Version: s.Version, Text: s.Text}
		if !s.GUID.IsZero() {
			n.GUID = &s.GUID
		}
		for _, r := range s.References {
			n.References = append(n.References, fileReference{r.Name, r.Subject, r.Version, position[r.Schema]})
		}
		position[s] = len(content.Nodes)
		content.Nodes = append(content.Nodes, n)
	}
	for _, r := range s.Dependencies() {
		add(r.Schema)
	}
	add(s)
	body, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	out := append([]byte(fileMagic), hex.EncodeToString(sum[:])...)
	return append(append(out, '\n'), body...), nil
}

// decodeFile fails with errDamaged.
func decodeFile(key string, file []byte) (*Schema, error) {
	head, body, _ := bytes.Cut(file, []byte("\n"))
	sum := sha256.Sum256(body)
	if string(head) != fileMagic+hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("%w: the checksum is wrong", errDamaged)
	}
	return decodeContent(key, body)
}

func decodeContent(key string, body []byte) (*Schema, error) {
	var content fileContent
	if err := json.Unmarshal(body, &content); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if content.Key != key {
		return nil, fmt.Errorf("%w: it is about %q", errDamaged, content.Key)
	}
	if len(content.Nodes) == 0 {
		return nil, fmt.Errorf("%w: there is no schema in it", errDamaged)
	}
	built := make([]*Schema, 0, len(content.Nodes))
	for i, n := range content.Nodes {
		if n.Text == "" || n.Type == 0 || n.ID < 0 {
			return nil, fmt.Errorf("%w: schema %d lacks something", errDamaged, i)
		}
		s := &Schema{ID: n.ID, Type: n.Type, Subject: n.Subject, Version: n.Version, Text: n.Text}
		if n.GUID != nil {
			s.GUID = *n.GUID
		}
		for _, r := range n.References {
			if r.Node < 0 || r.Node >= i {
				return nil, fmt.Errorf("%w: schema %d refers to %d", errDamaged, i, r.Node)
			}
			s.References = append(s.References, Reference{Name: r.Name, Subject: r.Subject, Version: r.Version, Schema: built[r.Node]})
		}
		built = append(built, s)
	}
	return built[len(built)-1], nil
}
