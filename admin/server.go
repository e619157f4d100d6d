// Package admin answers for a processor over HTTP: probes, metrics, its status and its partitions, and pause and resume.
//
// Who may ask what. The probes and the metrics answer everybody: an orchestrator and a scraper need them, and they hold no
// record's data. Everything else can show or change more, so it answers only
//
//   - who sends the token, on any address; or
//   - who asks on a loopback listener, with a Host that names this machine and without a proxy between. A web page that
//     makes a browser send requests to 127.0.0.1, by a foreign origin or by a name that it rebinds, is turned away.
//
// On another address than loopback without a token configured, it answers 403 and says how to change that.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/troupe-go/troupe/stream"
)

// DefaultListen is where a Server listens unless told otherwise.
const DefaultListen = "127.0.0.1:8080"

// Limits of the server. Requests are small and answers are quick; whoever is slower holds a connection for nothing.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = time.Minute
	closeTimeout      = 3 * time.Second
	headerBytesMax    = 16 << 10
	bodyBytesMax      = 64 << 10
	// scrapesMax bounds the scrapes that are computed at once.
	scrapesMax = 8
)

// Processor is what the server asks. *troupe.Processor is one. Its methods are called from many goroutines.
type Processor interface {
	Status() stream.Status
	Metrics() []stream.Metric
	Pause(partitions ...stream.Partition) error
	Resume(partitions ...stream.Partition) error
	HeldKeys() []stream.HeldKey
	ReleaseKeys(partition stream.Partition, ids ...string) error
}

// Options say where and how a Server answers. The zero value of a field is its default.
type Options struct {
	// Listen is the address, host and port; port 0 takes a free one. Defaults to DefaultListen.
	Listen string
	// Token opens everything to requests that carry it as "Authorization: Bearer <token>". Defaults to none.
	Token string
	// Version is the program's. Defaults to none.
	Version string
	// Config is the configuration in force as YAML or JSON, with its secrets redacted already. Defaults to none.
	Config []byte
	// Logger receives faults of the server itself. Defaults to slog.Default().
	Logger *slog.Logger
	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
}

// Server answers for one processor. Handler may be mounted in a server of the host's; Listen and Serve run one of its own.
type Server struct {
	processor Processor
	options   Options
	logger    *slog.Logger
	now       func() time.Time
	access    access
	registry  *prometheus.Registry
	handler   http.Handler

	mu       sync.Mutex
	listener net.Listener
}

// New gives a Server that does not listen yet.
func New(p Processor, o Options) *Server {
	if o.Listen == "" {
		o.Listen = DefaultListen
	}
	s := &Server{processor: p, options: o, logger: o.Logger, now: o.Now, registry: newRegistry(p)}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.access = newAccess(o.Token, o.Listen)
	s.handler = http.MaxBytesHandler(s.routes(), bodyBytesMax)
	return s
}

// Handler answers all endpoints. Mounted below a path it needs http.StripPrefix. Where the host's server is not an
// http.Server, so that the address of a request is unknown, all but probes and metrics need the token.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen takes the address, so that a port in use is an error before anything else starts. Serve does it where Listen was
// not called.
func (s *Server) Listen(ctx context.Context) (net.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return s.listener.Addr(), nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.options.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening for admin requests on %s (choose another address with admin.listen): %w", s.options.Listen, err)
	}
	s.listener = listener
	return listener.Addr(), nil
}

// Addr is the address that is listened on, or nil.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Close gives the address back where Listen was called and Serve will not be.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the admin listener on %s: %w", s.options.Listen, err)
	}
	return nil
}

// Serve answers until the context ends, then lets requests in progress finish for a short while and returns nil. The
// context should end after the processor has stopped, so that the probes can say that it is stopping. A Server serves once.
func (s *Server) Serve(ctx context.Context) error {
	// A context that has ended already is a stop like any other, not a failure to listen.
	addr, err := s.Listen(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
		BaseContext: func(l net.Listener) context.Context {
			return withListener(context.WithoutCancel(ctx), l.Addr())
		},
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("answering admin requests on %s: %w", addr, err)
	case <-ctx.Done():
	}
	return s.close(ctx, server, served)
}

func (s *Server) close(ctx context.Context, server *http.Server, served <-chan error) error {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		s.logger.Warn("admin requests did not finish in time and are cut off", "error", err)
		// Close's error is that of the listener, which Shutdown has closed already.
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answering admin requests: %w", err)
	}
	return nil
}
