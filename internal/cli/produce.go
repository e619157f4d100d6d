package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// lineFaultsMax bounds how many wrong lines are told one by one.
const lineFaultsMax = 20

// produceOptions are the flags of 'troupe produce'.
type produceOptions struct {
	topic, file string
	clients     *clientFlags
	schema      *schemaFlags
	format      string
	key         string
	keyField    string
	headers     []string
	partition   int32
	create      int // partitions of a topic that is missing; 0 creates none
	timeout     time.Duration
}

func newProduceCommand(a *app) *cobra.Command {
	var o produceOptions
	cmd := &cobra.Command{
		Use:   "produce TOPIC [FILE]",
		Short: "Write lines into a topic, one record each",
		Long: "produce writes each line of FILE (or of standard input) as a record and waits until the brokers have acknowledged\n" +
			"every one. A line that cannot be written is told with its number, and the others are written all the same.\n" +
			"It exits 0 only when all are acknowledged.\n\n" +
			"Formats: json (a document a line; blank lines are left out), string (text in UTF-8), raw (any bytes); and avro,\n" +
			"protobuf and jsonschema, for which each line is a JSON document that is encoded with a schema: that of --schema or\n" +
			"--schema-id, or the latest of the subject. A schema is added to the registry with --register only.",
		Example: "  troupe produce orders.placed orders.jsonl --brokers localhost:9092 --key .customer\n" +
			"  troupe produce orders.placed orders.jsonl --brokers localhost:9092 --registry http://localhost:8081 \\\n" +
			"    --format avro --schema order.avsc --register",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.topic, o.file = args[0], standardInput
			if len(args) == 2 {
				o.file = args[1]
			}
			return a.produce(cmd.Context(), o)
		},
	}
	o.clients, o.schema = addClientFlags(cmd), addSchemaFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "json", "what a record is: json, string, raw, "+anyOf(schemaFormats()))
	flags.StringVar(&o.key, "key", "", "the record's key as a jq program over the line, like .customer.id")
	flags.StringVar(&o.keyField, "key-field", "", "the record's key as the name of a field of the line")
	flags.StringArrayVar(&o.headers, "header", nil, "a header of every record, as name=value; may be repeated")
	flags.Int32Var(&o.partition, "partition", stream.AnyPartition, "the partition; by default the key decides")
	flags.IntVar(&o.create, "create", 0, "create the topic where it is missing, with this many partitions")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "give up when the brokers acknowledge nothing, or the registry does not answer, for so long")
	return cmd
}

func (a *app) produce(ctx context.Context, o produceOptions) error {
	lines, err := newLineReader(o)
	if err != nil {
		return misuse(err)
	}
	if o.timeout < time.Millisecond {
		return misuse(fmt.Errorf("--timeout must be at least 1ms, and is %s", o.timeout))
	}
	if o.create < 0 {
		return misuse(fmt.Errorf("--create must be a number of partitions, and is %d", o.create))
	}
	var writer *schemaWriter
	if needsSchema(o.format) {
		if writer, err = a.newSchemaWriter(o.format, o.schema, o.timeout); err != nil {
			return err
		}
		defer writer.Close()
		lines.encoder = writer
	}
	properties, err := o.clients.properties("troupe-produce")
	if err != nil {
		return err
	}
	client, err := newClient(o.clients.client, properties)
	if err != nil {
		return err
	}
	source, err := a.open(o.file)
	if err != nil {
		return misuse(err)
	}
	defer source.Close()
	ctx, release := a.interruptible(ctx)
	defer release()
	context.AfterFunc(ctx, release) // a second signal ends the process
	if err := checkTopic(ctx, client, o, properties["bootstrap.servers"]); err != nil {
		return err
	}
	if writer != nil {
		if err := writer.prepare(ctx, o.topic, o.timeout); err != nil {
			return err
		}
	}
	return a.produceLines(ctx, client, lines, source, o.timeout)
}

// open opens a file to read; - is standard input, which is not ours to close.
func (a *app) open(file string) (io.ReadCloser, error) {
	if file == standardInput {
		return io.NopCloser(a.stdin), nil
	}
	return os.Open(file)
}

// checkTopic finds out before the first record whether the brokers answer and have the topic, and creates it if asked to.
func checkTopic(ctx context.Context, client kafka.Client, o produceOptions, brokers string) error {
	admin, err := client.Admin()
	if err != nil {
		return err
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("no answer from %s within %s", brokers, o.timeout))
	defer cancel()
	infos, err := admin.Topics(ctx, o.topic)
	switch {
	case err != nil && context.Cause(ctx) != nil:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case err != nil:
		return err
	}
	for _, info := range infos {
		switch {
		case info.Err != nil:
			return info.Err
		case !info.Exists && o.create > 0:
			return admin.CreateTopic(ctx, o.topic, o.create, nil) // the producer waits until it is known everywhere
		case !info.Exists:
			return fmt.Errorf("topic %s does not exist; --create 12 creates it with 12 partitions", o.topic)
		case o.partition >= int32(info.Partitions):
			return fmt.Errorf("topic %s has partitions 0 to %d, and no %d", o.topic, info.Partitions-1, o.partition)
		}
	}
	return nil
}

// anyOf lists words, the last behind an or.
func anyOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// counted is a number with its noun, in the singular for one.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// lineFault is a line that was not written.
type lineFault struct {
	line uint64
	err  error
}

// lineFaults gathers them from the reader and from the client's reports.
type lineFaults struct {
	mu  sync.Mutex
	all []lineFault
}

func (f *lineFaults) add(line uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, lineFault{line, err})
}

func (a *app) produceLines(ctx context.Context, client kafka.Client, lines *lineReader, source io.Reader, timeout time.Duration) error {
	var faults lineFaults
	s, err := newSender(client, "produce", faults.add)
	if err != nil {
		return err
	}
	ctx, cancel := s.patience(ctx, timeout)
	defer cancel()
	// A read from a terminal or a pipe cannot be interrupted; it is left behind then.
	sent := make(chan error, 1)
	go func() { sent <- sendLines(ctx, s, lines, source, &faults) }()
	var stopped error
	select {
	case stopped = <-sent:
	case <-ctx.Done():
		stopped = context.Cause(ctx)
	}
	if left := s.finish(ctx); stopped == nil {
		stopped = left
	}
	faults.tell(a.stderr)
	acknowledged := s.acknowledged.Load()
	fmt.Fprintf(a.stdout, "%s acknowledged\n", counted(acknowledged, "record"))
	switch {
	case stopped != nil:
		return stopped
	case len(faults.all) > 0:
		return fmt.Errorf("%s not written", counted(int64(len(faults.all)), "line"))
	}
	return nil
}

// sendLines queues every line that is a record. The error is one after which nothing more can be read or sent.
func sendLines(ctx context.Context, s *sender, lines *lineReader, source io.Reader, faults *lineFaults) error {
	return lines.each(ctx, source, func(line uint64, m *stream.Message, err error) error {
		if err == nil {
			err = s.send(ctx, m, line)
		}
		var refused *kafka.ProduceError
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return fmt.Errorf("stopped at line %d: %w", line, context.Cause(ctx))
		case errors.As(err, &refused) && refused.Kind == kafka.Fatal:
			return fmt.Errorf("line %d: %w", line, err)
		case codec.Unavailable(err):
			return fmt.Errorf("line %d: %w", line, err)
		default:
			faults.add(line, err)
		}
		return ctx.Err()
	})
}

// tell names the lines that were not written, in their order.
func (f *lineFaults) tell(to io.Writer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortFunc(f.all, func(a, b lineFault) int { return int(a.line) - int(b.line) })
	for i, fault := range f.all {
		if i == lineFaultsMax {
			fmt.Fprintf(to, "and %d more lines\n", len(f.all)-i)
			return
		}
		fmt.Fprintf(to, "line %d: %s\n", fault.line, strings.TrimSpace(fault.err.Error()))
	}
}
