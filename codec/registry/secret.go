package registry

import (
	"encoding/base64"
	"strings"
)

// redacted stands where a secret would.
const redacted = "***"

// Secret is a text that is not shown: printed, logged or marshalled it is "***", or nothing where it is empty.
type Secret string

// String hides it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// MarshalText hides it from JSON and YAML, and from logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// scrub takes secrets out of what a server says: it may repeat what it was sent.
func scrub(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	return text
}

func basic(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}
