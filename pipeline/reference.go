package pipeline

//go:generate go test -run ^TestReferenceIsUpToDate$ -update .

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Reference is the configuration reference in Markdown, made from the schema.
func Reference() []byte {
	var b strings.Builder
	b.WriteString("# Configuration\n\n<!-- Made from pipeline/schema.json by `go generate ./pipeline`. Do not edit. -->\n\n" +
		"A pipeline is one YAML file. `troupe init` writes a commented one, `troupe lint` checks it, `troupe schema` prints its\n" +
		"JSON Schema for editors.\n\n" +
		"Precedence: `--set key=value`, then `${VAR}` in the file, then the file, then the default. `${VAR:default}` takes a default,\n" +
		"`${file:/path}` the content of a file without its last line break, `$${` is a literal `${`. What is put in becomes a value, never\n" +
		"structure; a plain value that is one reference and nothing else has the type its text looks like.\n\n" +
		"A duration is a number with a unit: `500ms`, `5s`, `2m`, `1h30m`. A size: `512KiB`, `256MiB`, `1GiB`.\n\n" +
		"Programs are [jq](https://jqlang.org/manual/) over the decoded value. `$key $headers $topic $partition $offset $timestamp` are bound\n" +
		"(the timestamp in milliseconds; of a header that repeats, the last value). For one record the programs may take a second, give\n" +
		"1,000 results a step and 16 MiB in all; `input`, `debug`, `env`, `halt` and modules are not available. Numbers keep their digits as\n" +
		"long as nothing computes with them.\n\n" +
		"| key | type | default | |\n|---|---|---|---|\n")
	rows(&b, rootSchema(), "")
	return []byte(b.String())
}

// order of the top-level keys in the reference: as a reader meets them in a file.
func readingOrder() []string {
	return []string{
		"name", "client", "kafka", "producer", "registry", "input", "steps", "output", "order", "concurrency", "rate_limit", "delivery",
		"batch", "retry", "circuit", "timeout", "stuck", "dead_letter", "on_error", "commit", "offset_out_of_range", "memory", "pollers", "drain_timeout", "shutdown_timeout", "admin", "log",
	}
}

func rows(b *strings.Builder, s schemaNode, path string) {
	names := s.names()
	if path == "" {
		names = readingOrder()
	}
	for _, name := range names {
		row(b, s.property(name), join(path, name), required(s, name))
	}
}

func row(b *strings.Builder, s schemaNode, path string, must bool) {
	fallback := ""
	if value, ok := s["default"]; ok {
		fallback = "`" + inline(value) + "`"
	} else if text, ok := s["x-default-text"].(string); ok {
		fallback = text
	} else if must {
		fallback = "**required**"
	}
	description, _ := s["description"].(string)
	if examples, ok := s["examples"].([]any); ok {
		for _, example := range examples {
			description += " Example: `" + inline(example) + "`."
		}
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", path, typeName(s), cell(fallback), cell(description))
	rows(b, s, path)
	if items := s.items(); items != nil && len(items.names()) > 0 {
		rows(b, items, path+"[]")
	}
}

func required(s schemaNode, name string) bool {
	list, _ := s["required"].([]any)
	for _, each := range list {
		if each == name {
			return true
		}
	}
	return false
}

func typeName(s schemaNode) string {
	if words, ok := s["enum"].([]any); ok {
		names := make([]string, len(words))
		for i, word := range words {
			names[i] = "`" + inline(word) + "`"
		}
		return strings.Join(names, ", ")
	}
	if what, ok := s["x-kind"].(string); ok {
		return what
	}
	names := map[string]string{"object": "mapping", "array": "list", "integer": "whole number", "boolean": "true, false"}
	var types []string
	for _, name := range s.types() {
		if name == "null" {
			continue
		}
		if other, ok := names[name]; ok {
			name = other
		}
		types = append(types, name)
	}
	return strings.Join(types, " or ")
}

func inline(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("write an example of the schema: %v", err)) // it was read from JSON
	}
	return string(out)
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
