package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/internal/embedded"
)

const brokerPartitionsMax = 10_000

// brokerOptions are the flags of 'troupe broker'.
type brokerOptions struct {
	data                    string
	memory                  bool
	kafkaPort, registryPort int
	topics                  []string
	output                  *choice
}

func newBrokerCommand(a *app) *cobra.Command {
	var o brokerOptions
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run an embedded broker and schema registry on this machine",
		Long: "broker serves Kafka and a schema registry on fixed ports of 127.0.0.1, until it is interrupted. It is meant for\n" +
			"development: it keeps its data in a folder, has one broker and no replication. Clients create topics by using them;\n" +
			"with --topics they are there from the start.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.memory && cmd.Flags().Changed("data") {
				return misuse(errors.New("--data and --memory exclude one another"))
			}
			return a.broker(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.data, "data", "troupe-data", "folder that keeps topics, groups and schemas")
	flags.BoolVar(&o.memory, "memory", false, "keep nothing")
	flags.IntVar(&o.kafkaPort, "kafka-port", 9092, "port for Kafka clients; 0 takes a free one")
	flags.IntVar(&o.registryPort, "registry-port", 8081, "port of the schema registry; 0 takes a free one")
	flags.StringSliceVar(&o.topics, "topics", nil, "topics to create, as name or name:partitions, separated by commas")
	o.output = outputFlag(cmd, "table", "json")
	return cmd
}

func (a *app) broker(ctx context.Context, o brokerOptions) error {
	topics, err := parseTopics(o.topics)
	if err != nil {
		return misuse(err)
	}
	for flag, port := range map[string]int{"--kafka-port": o.kafkaPort, "--registry-port": o.registryPort} {
		if port < 0 || port > 65_535 {
			return misuse(fmt.Errorf("%s must be from 0 to 65535, and is %d", flag, port))
		}
	}
	ctx, release := a.interruptible(ctx)
	defer release()
	context.AfterFunc(ctx, release) // a second signal ends the process
	if o.memory {
		o.data = ""
	}
	if o.data != "" {
		lock, err := lockFolder(o.data)
		if err != nil {
			return err
		}
		defer func() { _ = lock.Close() }() // which ends the lock; nothing was written
	}
	broker, err := embedded.Start(embedded.Options{
		DataDir: o.data, KafkaPort: o.kafkaPort, RegistryPort: o.registryPort, Topics: topics,
		AutoCreate: true, Partitions: embeddedPartitions,
		Logger: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return fmt.Errorf("%w; a port that is taken can be changed with --kafka-port and --registry-port", err)
	}
	err = o.print(a.stdout, broker)
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, broker.Close())
}

// print tells where the broker answers, at once and on one line as JSON, so that a script can wait for it.
func (o brokerOptions) print(to io.Writer, broker *embedded.Broker) error {
	if o.output.value == "json" {
		return json.NewEncoder(to).Encode(struct {
			Kafka    string `json:"kafka"`
			Registry string `json:"registry"`
			Data     string `json:"data,omitempty"` // left out where nothing is kept
		}{broker.Bootstrap(), broker.RegistryURL(), o.data})
	}
	kept := "nothing is kept"
	if o.data != "" {
		kept = "kept in " + o.data
	}
	_, err := fmt.Fprintf(to, "Kafka     %s\nregistry  %s\ndata      %s\n", broker.Bootstrap(), broker.RegistryURL(), kept)
	return err
}

// parseTopics reads name:partitions. A topic name has no colon.
func parseTopics(list []string) (map[string]int32, error) {
	topics := make(map[string]int32, len(list))
	for _, item := range list {
		name, count, given := strings.Cut(item, ":")
		partitions := embeddedPartitions
		if given {
			var err error
			if partitions, err = strconv.Atoi(count); err != nil || partitions < 1 || partitions > brokerPartitionsMax {
				return nil, fmt.Errorf("--topics: %q must be a name and a number of partitions from 1 to %d, like orders:12", item, brokerPartitionsMax)
			}
		}
		if name == "" {
			return nil, fmt.Errorf("--topics: %q has no name", item)
		}
		if _, twice := topics[name]; twice {
			return nil, fmt.Errorf("--topics: %s is named twice", name)
		}
		topics[name] = int32(partitions)
	}
	return topics, nil
}
