// Package pipeline turns a YAML file into a troupe.Config.
//
// Load goes through these stages, each in a file of its own:
//
//	parse        text → tree of nodes with positions          tree.go
//	override     --set on the tree                            override.go
//	interpolate  ${VAR}, ${VAR:default}, ${file:/path}        interpolate.go
//	validate     the tree against schema.json                 schema.go
//	bind         the tree → settings, with the checks that     bind.go, input.go, output.go
//	             a schema cannot express
//	build        settings → jq programs, sink and Handler      program.go, handler.go
//
// Every stage adds its faults to one list, so that a person mends a file in one go. Text that was put in by ${...} is
// put in after parsing: it can become a value, never structure.
//
// The jq programs of a configuration are written by whoever runs the processor, the records are not. So what data can
// drive is bounded (time, instructions, results, bytes), while a program that is itself a bomb is its author's affair.
package pipeline
