//go:build race

package e2e

// raced says that the tests run with the race detector, and so should the program.
const raced = true
