// Package franz is the adapter of the Kafka port for franz-go, which is Go throughout.
package franz
