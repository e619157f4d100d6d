//go:build !cgo

package clients

// native are the clients that need cgo: none without it.
func native() []maker { return nil }
