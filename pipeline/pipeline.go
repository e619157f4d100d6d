package pipeline

import (
	"io"
	"log/slog"
	"os"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/sink"
)

// Options are what a configuration needs from outside. The zero value reads the process's environment and files.
type Options struct {
	// Set are the values of --set flags, "key=value", over those of the file. Defaults to none.
	Set []string
	// Getenv looks up ${VAR}. Defaults to os.LookupEnv.
	Getenv func(string) (string, bool)
	// ReadFile reads ${file:...} and the files of schemas. Defaults to reading the file, up to 1 MiB.
	ReadFile func(string) ([]byte, error)
	// Stdout is where output.stdout writes. Defaults to os.Stdout.
	Stdout io.Writer
	// Logger is given to the processor, and is where records go without an output. Defaults to slog.Default().
	Logger *slog.Logger
	// Middleware wraps the steps, the first outermost. Under batch it has to take batches. Defaults to none.
	Middleware []troupe.Middleware
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = readReferencedFile
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// Admin says where the HTTP endpoints listen.
type Admin struct {
	Listen string // host:port; empty when off
	Token  string // empty where none is wanted
}

// Log says how the process logs.
type Log struct {
	Level  slog.Level
	Format string // auto, text or json
}

// Pipeline is a configuration without faults.
type Pipeline struct {
	Admin Admin
	Log   Log

	config   troupe.Config
	sink     sink.Sink
	registry *schemaRegistry // nil where there is none
	writers  []*typedWriter
	file     string
	tree     *node
}

// Load reads a configuration. The error is of type Faults and names everything that is wrong; file is what it calls the
// file. Load connects to nothing, and reads no files but those that ${file:...}, schemas and certificates name.
func Load(file string, src []byte, o Options) (*Pipeline, error) {
	o = o.withDefaults()
	r := &report{file: file}
	root := parse(src, r)
	if root == nil {
		return nil, r.sorted()
	}
	override(root, o.Set, r)
	in := interpolator{report: r, getenv: o.Getenv, readFile: o.ReadFile}
	in.tree(root)
	// A fault found so far (a reference that could not be put in) often causes another at the same place: only the first
	// is told.
	own := &report{file: file}
	validate(root, own)
	p := &Pipeline{file: file, tree: root}
	newBinder(root, own, o).bind(p)
	r.merge(own.faults)
	if len(r.faults) > 0 {
		return nil, r.sorted()
	}
	return p, nil
}

// Config is the processor's configuration, with the handler that runs the steps. All calls give the same handler.
func (p *Pipeline) Config() troupe.Config { return p.config }

// OutputTopic is the topic of output.kafka, or empty where the output is another.
func (p *Pipeline) OutputTopic() string {
	out, _ := p.sink.(sink.Kafka)
	return out.Topic
}

// Open finds out whether the output works: it opens the output file, and finds the schemas that results are written by,
// registering those that are to be. That the schema registry is away is no error, because records wait for it; it may take
// up to 10 s to find that out. Open need not be called.
func (p *Pipeline) Open() error {
	if opener, ok := p.sink.(sink.Opener); ok {
		if err := opener.Open(); err != nil {
			return err
		}
	}
	return p.prepare()
}

// Close flushes and closes the output, once the processor has stopped.
func (p *Pipeline) Close() error {
	if p.registry != nil {
		p.registry.close()
	}
	return p.sink.Close()
}
