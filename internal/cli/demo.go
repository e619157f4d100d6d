package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/admin"
	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka/clients"
)

const (
	demoRecordsMin = 100
	demoRecordsMax = 1_000_000
	demoGroup      = "troupe-demo"
	// demoReadTimeout bounds the reading back.
	demoReadTimeout = 2 * time.Minute
)

// demo is one run of 'troupe demo'.
type demo struct {
	app     *app
	records int
	seed    uint64
	keep    bool
	listen  string
	client  string
	format  *choice
	output  *choice
	logger  *slog.Logger
	// tamper changes what was found before it is checked; a test shows with it that a fault is noticed.
	tamper func(*demoFindings)
}

func newDemoCommand(a *app) *cobra.Command {
	d := &demo{app: a, tamper: func(*demoFindings) {}}
	return d.command()
}

func (d *demo) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run orders through an embedded broker and check every one of them",
		Long: "demo starts a broker inside this process and produces orders, some of them broken, without an amount, cancelled,\n" +
			"or in need of a dependency that fails twice. It runs the pipeline of examples/orders/orders.yaml over them, reads every\n" +
			"topic back with another client, and checks each order. It exits 0 only when everything adds up.\n\n" +
			"In another format than json, orders and results are written with the schemas of a registry that is started, too, and\n" +
			"the pipeline is that of examples/avro, examples/protobuf or examples/jsonschema.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.records < demoRecordsMin || d.records > demoRecordsMax {
				return misuse(fmt.Errorf("--records must be from %d to %d", demoRecordsMin, demoRecordsMax))
			}
			if err := clients.Check(d.client); err != nil {
				return misuse(fmt.Errorf("--client: %w", err))
			}
			if !cmd.Flags().Changed("seed") {
				d.seed = rand.Uint64N(1_000_000)
			}
			return d.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&d.records, "records", 20_000, "number of orders")
	flags.Uint64Var(&d.seed, "seed", 0, "make the same orders as another run, which printed this number (default: by chance)")
	flags.BoolVar(&d.keep, "keep", false, "leave everything running afterwards, until it is interrupted")
	flags.StringVar(&d.listen, "admin", admin.DefaultListen, "address of the admin endpoints, with --keep")
	addClientFlag(cmd, &d.client)
	d.format = choiceFlag(cmd, "format", "how orders are written: json, "+anyOf(schemaFormats()),
		append([]string{"json"}, schemaFormats()...)...)
	d.output = outputFlag(cmd, "table", "json")
	return cmd
}

func (d *demo) run(ctx context.Context) error {
	ctx, release := d.app.interruptible(ctx)
	defer release()
	context.AfterFunc(ctx, release) // a second signal ends the process
	d.logger = slog.New(slog.NewTextHandler(d.app.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	broker, err := embedded.Start(embedded.Options{
		Topics: map[string]int32{placedTopic: demoPartitions, updatedTopic: demoPartitions, enrichedTopic: demoPartitions},
		Logger: d.logger,
	})
	if err != nil {
		return err
	}
	return errors.Join(d.on(ctx, broker), broker.Close())
}

// on runs the demo on a broker that is up.
func (d *demo) on(ctx context.Context, broker *embedded.Broker) error {
	reader, err := embedded.NewReader(broker.Bootstrap())
	if err != nil {
		return err
	}
	defer reader.Close()
	client, err := clients.New(clients.Options{
		Name:   d.client,
		Kafka:  map[string]string{"bootstrap.servers": broker.Bootstrap(), "group.id": demoGroup},
		Logger: d.logger,
	})
	if err != nil {
		return err
	}
	codec, err := newDemoCodec(d.format.value, broker.RegistryURL())
	if err != nil {
		return err
	}
	defer codec.close()
	orders := makeOrders(d.records, d.seed)
	if err := codec.write(ctx, orders); err != nil {
		return err
	}
	if err := produceOrders(ctx, client, orders); err != nil {
		return err
	}
	ends, err := reader.Ends(ctx, placedTopic, updatedTopic)
	if err != nil {
		return err
	}
	r, err := d.start(ctx, broker, orders, ends)
	if err != nil {
		return err
	}
	defer r.cancel()
	if err := r.await(ctx); err != nil {
		return errors.Join(err, r.stop())
	}
	if !d.keep {
		if err := r.stop(); err != nil {
			return err
		}
	}
	verdict := d.check(ctx, reader, codec, orders, r)
	if d.keep && ctx.Err() == nil {
		verdict = errors.Join(verdict, d.linger(ctx, broker, r))
	}
	return verdict
}

// check reads everything back, prints the report, and gives an error unless everything adds up.
func (d *demo) check(ctx context.Context, reader *embedded.Reader, codec *demoCodec, orders []order, r *demoRun) error {
	ctx, cancel := context.WithTimeout(ctx, demoReadTimeout)
	defer cancel()
	found, err := r.findings(ctx, reader)
	if err != nil {
		return err
	}
	d.tamper(found)
	if err := codec.read(ctx, found.enriched); err != nil {
		return err
	}
	report := newDemoReport(d, orders, found, verifyDemo(orders, found), r.took)
	if err := report.print(d.app.stdout, d.output.value); err != nil {
		return err
	}
	if !report.OK {
		return fmt.Errorf("the demo does not add up: %d faults (run it again with --seed %d)", report.FaultCount, d.seed)
	}
	return nil
}

// linger leaves everything running until the context ends.
func (d *demo) linger(ctx context.Context, broker *embedded.Broker, r *demoRun) error {
	fmt.Fprintf(d.app.stderr, "\nstill running until interrupted:\n  admin     http://%s\n  Kafka     %s\n  registry  %s\n",
		r.admin.Addr(), broker.Bootstrap(), broker.RegistryURL())
	select {
	case <-ctx.Done():
		return r.stop()
	case err := <-r.ended:
		r.ended <- err
		return errors.Join(fmt.Errorf("the processor ended by itself: %w", err), r.stop())
	}
}
