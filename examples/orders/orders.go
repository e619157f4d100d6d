// Package orders holds the pipeline that 'troupe demo' runs, so that the file a reader sees is the one that is tried.
package orders

import _ "embed" // the pipeline is a file, so that it can be run as one

//go:embed orders.yaml
var pipeline string

// File is the name of the pipeline's file.
const File = "orders.yaml"

// Pipeline is the content of File.
func Pipeline() []byte { return []byte(pipeline) }
