package wire

import (
	"encoding/hex"
	"errors"
)

// GUID names a schema in every registry and context alike (RFC 9562, in network byte order). The zero value is none.
type GUID [16]byte

// ErrGUID is why a text is no GUID.
var ErrGUID = errors.New("not a GUID, such as 89791762-2336-4186-9674-299b90a802e2")

// guidTextLength is 32 digits and 4 hyphens.
const guidTextLength = 36

// ParseGUID reads the form with hyphens, in letters of either case.
func ParseGUID(text string) (GUID, error) {
	var g GUID
	err := g.UnmarshalText([]byte(text))
	return g, err
}

// UnmarshalText is ParseGUID.
func (g *GUID) UnmarshalText(text []byte) error {
	if len(text) != guidTextLength || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return ErrGUID
	}
	var parsed GUID
	at := 0
	for _, part := range [...][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
		n, err := hex.Decode(parsed[at:], part)
		if err != nil {
			return ErrGUID
		}
		at += n
	}
	*g = parsed
	return nil
}

// MarshalText is String.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// String is the form with hyphens, in small letters.
func (g GUID) String() string {
	out := make([]byte, 0, guidTextLength)
	for i, part := range [...][]byte{g[:4], g[4:6], g[6:8], g[8:10], g[10:]} {
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, part)
	}
	return string(out)
}

// IsZero says that there is none.
func (g GUID) IsZero() bool { return g == GUID{} }
