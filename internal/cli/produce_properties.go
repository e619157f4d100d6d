package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/clients"
	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// clientFlags name a Kafka cluster and how to talk to it, for commands that need no pipeline.
type clientFlags struct {
	brokers string
	more    []string
	client  string
}

func addClientFlags(cmd *cobra.Command) *clientFlags {
	f := &clientFlags{}
	cmd.Flags().StringVar(&f.brokers, "brokers", "", "brokers, as host:port,host:port")
	cmd.Flags().StringArrayVar(&f.more, "property", nil, "a property of the Kafka client, as name=value; may be repeated")
	addClientFlag(cmd, &f.client)
	return f
}

// addClientFlag names the Kafka client.
func addClientFlag(cmd *cobra.Command, client *string) {
	cmd.Flags().StringVar(client, "client", "", "the Kafka client, "+strings.Join(clients.Names(), " or ")+
		" (default "+clients.Default()+")")
}

func (f *clientFlags) given() bool { return f.brokers != "" || len(f.more) > 0 }

// properties gives the properties of clients of a group.
func (f *clientFlags) properties(group string) (map[string]string, error) {
	properties := map[string]string{"group.id": group}
	if err := f.add(properties); err != nil {
		return nil, err
	}
	if properties["bootstrap.servers"] == "" && properties["metadata.broker.list"] == "" {
		return nil, misuse(errors.New("--brokers is missing, as host:port,host:port"))
	}
	return properties, nil
}

// add puts what the flags say over properties.
func (f *clientFlags) add(properties map[string]string) error {
	if f.brokers != "" {
		properties["bootstrap.servers"] = f.brokers
	}
	for _, p := range f.more {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return misuse(fmt.Errorf("--property %q must be name=value", p))
		}
		properties[name] = value
	}
	return nil
}

// newClient makes the client of a name; a wrong name, and properties that are wrong, are misuse. The library's own log is
// thrown away: what matters of it comes back as errors.
func newClient(name string, given map[string]string) (kafka.Client, error) {
	if err := clients.Check(name); err != nil {
		return nil, misuse(fmt.Errorf("--client: %w", err))
	}
	client, err := clients.New(clients.Options{Name: name, Kafka: given, Logger: slog.New(slog.DiscardHandler)})
	var faulty *properties.Error
	if errors.As(err, &faulty) {
		return nil, misuse(err)
	}
	return client, err
}
