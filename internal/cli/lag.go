package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// lagOptions are the flags of 'troupe lag'.
type lagOptions struct {
	file    string
	set     *[]string
	clients *clientFlags
	group   string
	topics  []string
	timeout time.Duration
	output  *choice
}

func newLagCommand(a *app) *cobra.Command {
	o := lagOptions{}
	cmd := &cobra.Command{
		Use:   "lag [FILE]",
		Short: "Show how far a group is behind, by partition",
		Long: "lag shows for each partition what the group has committed, where the log ends, and the records between. The group\n" +
			"and the topics are those of the pipeline in FILE, or those that --group and --topics name. It works for groups of\n" +
			"both protocols, whether they have members or not. A partition without a committed offset lags by all it holds.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.file = args[0]
			}
			return a.lag(cmd.Context(), o)
		},
	}
	o.set = setFlag(cmd)
	o.clients = addClientFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.group, "group", "", "the consumer group")
	flags.StringSliceVar(&o.topics, "topics", nil, "topics to show besides those that the group has committed offsets for")
	flags.DurationVar(&o.timeout, "timeout", 15*time.Second, "how long to wait for the brokers")
	o.output = outputFlag(cmd, "table", "json")
	return cmd
}

func (a *app) lag(ctx context.Context, o lagOptions) error {
	target, err := a.lagTarget(o)
	if err != nil {
		return err
	}
	client, err := newClient(target.client, target.properties)
	if err != nil {
		return err
	}
	ctx, release := a.interruptible(ctx)
	defer release()
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("no answer from %s within %s",
		target.properties["bootstrap.servers"], o.timeout))
	defer cancel()
	report, err := readLag(ctx, client, target)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return err
	}
	if len(report.Partitions) == 0 {
		fmt.Fprintf(a.stderr, "group %s has committed nothing; name the topics that it is to read with --topics\n", report.Group)
	}
	return errors.Join(report.print(a.stdout, o.output.value), report.err())
}

// lagTarget is whose lag to show, and where.
type lagTarget struct {
	client     string // its name
	properties map[string]string
	topics     []string              // or patterns; those that the group has committed offsets for come besides
	own        func(string) []string // the topics that a pipeline writes on behalf of one that it reads; nil for a bare group
}

// lagTarget finds out about which group and topics, and where.
func (a *app) lagTarget(o lagOptions) (lagTarget, error) {
	named := o.group != "" || o.clients.given()
	switch {
	case o.file != "" && (o.group != "" || o.clients.brokers != ""):
		return lagTarget{}, misuse(errors.New("name either a FILE, or --brokers and --group"))
	case o.file == "" && !named:
		return lagTarget{}, misuse(errors.New("name a FILE, or --brokers and --group"))
	case o.file == "" && o.group == "":
		return lagTarget{}, misuse(errors.New("--group is missing: the consumer group whose offsets to show"))
	}
	if o.file == "" {
		properties, err := o.clients.properties(o.group)
		return lagTarget{client: o.clients.client, properties: properties, topics: o.topics}, err
	}
	p, err := a.configuration(o.file, *o.set, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		return lagTarget{}, err
	}
	config := p.Config()
	properties := maps.Clone(map[string]string(config.Kafka))
	if err := o.clients.add(properties); err != nil {
		return lagTarget{}, err
	}
	topics := append(slices.Clone(config.Topics), o.topics...)
	return lagTarget{client: cmp.Or(o.clients.client, config.Client), properties: properties, topics: topics, own: ownTopics(config)}, nil
}

// ownTopics gives the rule by which a pattern leaves out what the pipeline itself writes: for a topic that it reads, those
// that it may write because of it.
func ownTopics(config troupe.Config) func(topic string) []string {
	return func(topic string) []string {
		letters, err := deadletter.TopicFor(config.DeadLetter.Topic, topic, nil)
		if err != nil {
			return config.Exclude
		}
		return append(slices.Clone(config.Exclude), letters)
	}
}

// lagReport is what the command prints.
type lagReport struct {
	Group      string         `json:"group"`
	Total      int64          `json:"total_lag"`
	Partitions []lagPartition `json:"partitions"`
}

type lagPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	// Committed is null where the group has committed nothing.
	Committed *int64 `json:"committed"`
	End       int64  `json:"end"`
	Lag       int64  `json:"lag"`
	Error     string `json:"error,omitempty"`
}

func readLag(ctx context.Context, client kafka.Client, target lagTarget) (*lagReport, error) {
	admin, err := client.Admin()
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	topics, err := target.matching(ctx, admin)
	if err != nil {
		return nil, err
	}
	positions, err := admin.GroupOffsets(ctx, client.Group(), topics...)
	if err != nil {
		return nil, err
	}
	report := &lagReport{Group: client.Group(), Partitions: make([]lagPartition, 0, len(positions))}
	for i := range positions {
		p := lagOf(&positions[i], client.Reset())
		report.Total += p.Lag
		report.Partitions = append(report.Partitions, p)
	}
	return report, nil
}

// matching puts the topics that exist in the place of a pattern, without those that the pipeline does not read because it
// writes them.
func (t lagTarget) matching(ctx context.Context, admin kafka.Admin) ([]string, error) {
	topics := t.topics
	if !slices.ContainsFunc(topics, func(name string) bool { return strings.HasPrefix(name, "^") }) {
		return topics, nil
	}
	all, err := admin.Topics(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range topics {
		if !strings.HasPrefix(name, "^") {
			found = append(found, name)
			continue
		}
		pattern, err := regexp.Compile(name)
		if err != nil {
			return nil, misuse(fmt.Errorf("topics %q: %w", name, err))
		}
		found = append(found, t.read(pattern, all)...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// read gives the topics that the pattern brings in.
func (t lagTarget) read(pattern *regexp.Regexp, all []kafka.TopicInfo) []string {
	var found, own []string
	for _, topic := range all {
		if pattern.MatchString(topic.Name) {
			found = append(found, topic.Name)
			if t.own != nil {
				own = append(own, t.own(topic.Name)...)
			}
		}
	}
	return slices.DeleteFunc(found, func(topic string) bool { return slices.Contains(own, topic) })
}

// lagOf computes the records between where the group goes on and the end.
func lagOf(at *kafka.Position, reset kafka.Reset) lagPartition {
	p := lagPartition{Topic: at.Partition.Topic, Partition: at.Partition.Number, End: at.LogEnd}
	from := at.LogStart
	if at.Committed >= 0 {
		p.Committed = &at.Committed
		from = max(from, at.Committed)
	} else if reset == kafka.ResetLatest {
		from = at.LogEnd
	}
	if at.Err != nil {
		p.Error = at.Err.Error()
		return p
	}
	p.Lag = max(at.LogEnd-from, 0)
	return p
}

// err says that the report is incomplete.
func (r *lagReport) err() error {
	for _, p := range r.Partitions {
		if p.Error != "" {
			return fmt.Errorf("the total leaves out %s: %s", stream.Partition{Topic: p.Topic, Number: p.Partition}, p.Error)
		}
	}
	return nil
}

func (r *lagReport) print(to io.Writer, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(to)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "TOPIC\tPARTITION\tCOMMITTED\tEND\tLAG\n")
	for _, p := range r.Partitions {
		committed, lag := "-", fmt.Sprint(p.Lag)
		if p.Committed != nil {
			committed = fmt.Sprint(*p.Committed)
		}
		if p.Error != "" {
			lag = "unknown"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\n", p.Topic, p.Partition, committed, p.End, lag)
	}
	fmt.Fprintf(w, "total\t\t\t\t%d\n", r.Total)
	return w.Flush()
}
