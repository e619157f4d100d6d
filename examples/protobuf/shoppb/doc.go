// Package shoppb holds the Go type of an order, as protoc-gen-go writes it from examples/protobuf/order.proto.
package shoppb

//go:generate go test -run ^TestTypesAreUpToDate$ -update .
