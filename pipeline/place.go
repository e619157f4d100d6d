package pipeline

import "strings"

// Fault says what is wrong with the value of a key, such as "input.topics.0", as the world outside shows it. It has the place
// of that key, or of what stands around it where the key is not given.
func (p *Pipeline) Fault(path, message string) Fault {
	place := p.tree
	p.tree.walk(func(n *node) {
		if strings.HasPrefix(path+".", n.path+".") && len(n.path) > len(place.path) {
			place = n
		}
	})
	return Fault{File: place.origin(p.file), Line: place.line, Column: place.column, Path: path, Message: message}
}
