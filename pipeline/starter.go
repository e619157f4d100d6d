package pipeline

import _ "embed" // the starter is a file, so that it can be read as one

//go:embed starter.yaml
var starter string

// Starter is the commented file that 'troupe init' writes. It loads as it is.
func Starter() []byte { return []byte(starter) }
