package jsonschema

import "encoding/json"

// locate gives the position of a part of a document, which is known to be one, in a single pass over its bytes. Of
// duplicate names the last one counts, as in codec/document.
func locate(data []byte, path []step) int64 {
	l := locator{data: data}
	return int64(l.value(path, true))
}

type locator struct {
	data []byte
	pos  int
}

// value passes over the value that is next. Where it is on the path, it gives the position of what the path leads to.
func (l *locator) value(path []step, on bool) int {
	l.space()
	start := l.pos
	switch l.data[l.pos] {
	case '{':
		return l.object(path, on, start)
	case '[':
		return l.array(path, on, start)
	case '"':
		l.text()
	default:
		l.scalar()
	}
	return start
}

func (l *locator) object(path []step, on bool, found int) int {
	for l.open('}') {
		name := l.text()
		l.space()
		l.pos++ // the colon
		matches := on && len(path) > 0 && path[0].index < 0 && unquoted(name) == path[0].name
		at := l.value(path[min(1, len(path)):], matches)
		if matches {
			found = at
		}
	}
	return found
}

func (l *locator) array(path []step, on bool, found int) int {
	for i := 0; l.open(']'); i++ {
		matches := on && len(path) > 0 && path[0].index == i
		at := l.value(path[min(1, len(path)):], matches)
		if matches {
			found = at
		}
	}
	return found
}

// open passes over a bracket or a comma, and says whether something follows it.
func (l *locator) open(end byte) bool {
	l.space()
	if l.data[l.pos] == end {
		l.pos++
		return false
	}
	l.pos++
	l.space()
	if l.data[l.pos] == end {
		l.pos++
		return false
	}
	return true
}

func (l *locator) space() {
	for {
		switch l.data[l.pos] {
		case ' ', '\t', '\r', '\n':
			l.pos++
		default:
			return
		}
	}
}

func (l *locator) text() []byte {
	start := l.pos
	for l.pos++; l.data[l.pos] != '"'; l.pos++ {
		if l.data[l.pos] == '\\' {
			l.pos++
		}
	}
	l.pos++
	return l.data[start:l.pos]
}

func (l *locator) scalar() {
	for l.pos < len(l.data) {
		switch l.data[l.pos] {
		case ',', ']', '}', ' ', '\t', '\r', '\n':
			return
		}
		l.pos++
	}
}

func unquoted(text []byte) string {
	for _, b := range text {
		if b == '\\' {
			var name string
			if json.Unmarshal(text, &name) == nil {
				return name
			}
			break
		}
	}
	return string(text[1 : len(text)-1])
}
