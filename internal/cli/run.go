package cli

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/admin"
	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/pipeline"
)

func newRunCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a pipeline until it is told to stop",
		Long: "run processes records as FILE says (- is standard input), until SIGTERM or SIGINT.\n\n" +
			"A first signal stops it cleanly: it fetches no more, finishes what is in flight, commits, leaves the group, and\n" +
			"exits 0. A second one gives up what is in flight, a third one everything; what is not done is not committed.\n" +
			"It exits 1 when something failed or did not finish in time, and says what.",
		Args: cobra.ExactArgs(1),
	}
	r := &runner{app: a, set: setFlag(cmd)}
	cmd.Flags().StringVar(&r.events, "events", "", "write every event as a JSON line to this file; - is standard output")
	cmd.Flags().BoolVar(&r.embedded, "embedded", false, "start a broker and a schema registry within this process and use these")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) }
	return cmd
}

// runner is one call of the run command: what its flags say, and what it has opened.
type runner struct {
	*app
	set      *[]string
	events   string
	embedded bool

	logger   *slog.Logger
	pipeline *pipeline.Pipeline
	file     *eventFile
	broker   *embedded.Broker
}

func (r *runner) run(ctx context.Context, file string) error {
	stdout := &lockedWriter{to: r.stdout}
	late := newLateLog()
	r.logger = slog.New(late)
	var err error
	if r.pipeline, err = r.configuration(file, *r.set, stdout, r.logger); err != nil {
		return err
	}
	late.choose(r.stderr, r.pipeline.Log)
	config := r.pipeline.Config()
	config.Middleware = append(config.Middleware, r.middleware...)
	err = r.open(&config, stdout)
	if err == nil {
		err = r.process(ctx, config)
	}
	if errors.Is(err, errGivenUp) {
		return err // what still runs may use what would be closed here
	}
	return r.close(err)
}

// open opens what the processor needs, before anything is read.
func (r *runner) open(config *troupe.Config, stdout *lockedWriter) (err error) {
	if r.embedded {
		if r.broker, err = startEmbedded(r.pipeline, config, r.logger); err != nil {
			return err
		}
		r.logger.Info("the embedded broker is ready", "bootstrap.servers", r.broker.Bootstrap(), "registry", r.broker.RegistryURL())
	}
	if err := r.pipeline.Open(); err != nil {
		return err
	}
	if r.events != "" {
		if r.file, err = newEventFile(r.events, stdout); err != nil {
			return err
		}
		config.OnEvent = r.file.receive
	}
	return nil
}

// close closes what was opened, and reports what could not be written.
func (r *runner) close(err error) error {
	err = errors.Join(err, r.pipeline.Close())
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	return closeEmbedded(r.broker, err)
}

// process runs the processor and answers admin requests until it has stopped.
func (r *runner) process(ctx context.Context, config troupe.Config) error {
	processor, err := troupe.New(config)
	if err != nil {
		return err
	}
	r.limitMemory(processor.Status().MemoryLimit)
	defer r.allowProcessors(config.Client)()
	signals, forget := stopSignals()
	defer forget()
	stopServing, err := r.serve(ctx, processor)
	if err != nil {
		return err
	}
	return errors.Join(escalate(ctx, processor, signals, r.logger), stopServing())
}

// serve answers admin requests. The address is taken before it returns.
func (r *runner) serve(ctx context.Context, processor *troupe.Processor) (stop func() error, err error) {
	if r.pipeline.Admin.Listen == "" {
		return func() error { return nil }, nil
	}
	server := admin.New(processor, admin.Options{
		Listen: r.pipeline.Admin.Listen, Token: r.pipeline.Admin.Token, Version: troupe.Version(),
		Config: r.pipeline.RedactedJSON(), Logger: r.logger,
	})
	address, err := server.Listen(ctx)
	if err != nil {
		return nil, err
	}
	r.logger.Info("answering admin requests", "address", address.String())
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving) }()
	return func() error {
		cancel()
		return <-served
	}, nil
}

// limitMemory tells Go's collector to work harder near the limit. Who sets GOMEMLIMIT knows better.
func (r *runner) limitMemory(held int64) {
	if _, set := r.env("GOMEMLIMIT"); set || held <= 0 {
		return
	}
	debug.SetMemoryLimit(troupe.GoMemoryLimit(held))
}

// allowProcessors lets handlers run while goroutines of the client wait in C, until undone. Who sets GOMAXPROCS knows better.
func (r *runner) allowProcessors(client string) (undo func()) {
	if _, set := r.env("GOMAXPROCS"); set {
		return func() {}
	}
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(troupe.GoProcessors(client, before))
	return func() { runtime.GOMAXPROCS(before) }
}
