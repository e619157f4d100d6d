// Command troupe processes Kafka records as a YAML file says. Everything it does is in package cli.
package main

import (
	"context"
	"os"

	"github.com/troupe-go/troupe/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}
