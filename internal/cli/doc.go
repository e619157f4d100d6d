// Package cli is the command line: one file per command. Commands get everything from outside through app, so that a test
// can call them, and only this package knows flags and exit codes.
//
// An exit code is 0 when the command did what it was asked, 1 when it failed, and 2 when it was misused or its
// configuration is wrong. Results go to stdout, all else to stderr.
package cli
