package pipeline

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

const redacted = "***"

var (
	secretKey = regexp.MustCompile(`(?i)(password|passwd|passphrase|secret|token|credential|api[._-]?key|access[._-]?key|private[._-]?key` +
		`|^dsn$|authorization|^sasl\.|ssl\.key\.(pem|password)|keystore\.key|\.pem$)`)
	// publicKey are names that the rule above would hide for nothing.
	publicKey = regexp.MustCompile(`(?i)^(sasl\.mechanisms?|sasl\.kerberos\.service\.name|sasl\.oauthbearer\.(method|scope|extensions)` +
		`|.*\.(endpoint\.)?url|.*\.location)$`)
	userInfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s]*@`)
	dsnWord  = regexp.MustCompile(`(?i)\b(password|passfile|sslpassword)=('[^']*'|\S+)`)
)

// isSecret says that a value must not be shown: it came from a file, or a key on the way to it says so.
func (n *node) isSecret() bool {
	if n.secret {
		return true
	}
	for _, prefix := range []string{"kafka.", "producer."} {
		if name, ok := strings.CutPrefix(n.path, prefix); ok {
			return secretKey.MatchString(name) && !publicKey.MatchString(name)
		}
	}
	if strings.HasPrefix(n.path, "output.http.headers.") {
		return true
	}
	for key := range strings.SplitSeq(n.path, ".") {
		if secretKey.MatchString(key) && !strings.HasSuffix(key, "_file") { // where a secret is, is none
			return true
		}
	}
	return false
}

// shown is the tree for reading, in the order of the file, with secrets as ***.
func (n *node) shown() any {
	switch n.kind {
	case mapping:
		items := make(yaml.MapSlice, 0, len(n.entries))
		for _, e := range n.entries {
			items = append(items, yaml.MapItem{Key: e.key.text, Value: e.value.shown()})
		}
		return items
	case sequence:
		items := make([]any, 0, len(n.items))
		for _, item := range n.items {
			items = append(items, item.shown())
		}
		return items
	case scalar:
		value := n.value()
		if value != nil && n.isSecret() {
			return redacted
		}
		if text, ok := value.(string); ok {
			text = userInfo.ReplaceAllString(text, "${1}"+redacted+"@")
			return dsnWord.ReplaceAllString(text, "$1="+redacted)
		}
		return value
	default:
		panic("unknown kind of node")
	}
}

// Redacted is the configuration as YAML, with --set and ${...} put in and secrets as ***.
func (p *Pipeline) Redacted() []byte {
	out, err := yaml.MarshalWithOptions(p.tree.shown(), yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		panic(fmt.Sprintf("write the configuration: %v", err)) // it was read from YAML
	}
	return out
}

// RedactedJSON is Redacted as JSON.
func (p *Pipeline) RedactedJSON() []byte {
	out, err := json.Marshal(unordered(p.tree.shown()))
	if err != nil {
		panic(fmt.Sprintf("write the configuration: %v", err)) // it was read from YAML
	}
	return out
}

// unordered turns ordered mappings into those that encoding/json writes as objects.
func unordered(v any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		object := make(map[string]any, len(v))
		for _, item := range v {
			object[fmt.Sprint(item.Key)] = unordered(item.Value)
		}
		return object
	case []any:
		for i := range v {
			v[i] = unordered(v[i])
		}
		return v
	default:
		return v
	}
}
