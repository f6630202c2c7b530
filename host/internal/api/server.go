package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/host/task"
)

// Bounds of every request and connection.
const (
	MaxBody = 4 << 20 // bytes of a request's body, and of a message on gRPC

	maxHeader         = 16 << 10         // bytes
	headerTimeout     = 5 * time.Second  // for reading a header
	bodyTimeout       = 30 * time.Second // for reading a body
	writeTimeout      = 10 * time.Second // for a client to take what is written at once
	idleTimeout       = 60 * time.Second // of a connection without a request
	maxConnections    = 1024             // by default
	keepAliveInterval = 15 * time.Second // between comments in a silent event stream
)

// Options change what a Server does. The zero value works.
type Options struct {
	Metrics        http.Handler   // serves /metrics; nil means that there is none
	Observer       Observer       // counts requests; nil means nobody does
	Build          task.BuildInfo // what /version answers
	Logger         hclog.Logger   // nil means no log
	MaxConnections int            // of each listener; 0 means 1024

	patience time.Duration // with clients that do not read; 0 means writeTimeout
}

// A Server serves the API on as many listeners as it is told to.
type Server struct {
	backend  Backend
	options  Options
	log      hclog.Logger
	observer Observer
	handler  http.Handler // routes, without any check of who asks

	stopping context.Context // ends when Shutdown begins; long polls and streams end with it
	stop     context.CancelCauseFunc
	failed   chan error
	serving  sync.WaitGroup // one for each listener
	sending  sync.WaitGroup // one for each output stream over gRPC
	silent   silent
	turns    *turns // of those who write output

	encodings encodings // of output, for all who follow

	mu      sync.Mutex
	closed  bool           // guarded by mu; no further listener is taken
	servers []*http.Server // guarded by mu
	grpc    []*grpc.Server // guarded by mu
	cleanup []func()       // guarded by mu; run when all have stopped
}

// New returns a server for b that listens nowhere yet.
func New(b Backend, o Options) *Server {
	s := &Server{backend: b, options: o, log: o.Logger, observer: o.Observer, failed: make(chan error, 1), turns: newTurns()}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	if s.observer == nil {
		s.observer = noObserver{}
	}
	if s.options.MaxConnections == 0 {
		s.options.MaxConnections = maxConnections
	}
	if s.options.patience == 0 {
		s.options.patience = writeTimeout
	}
	s.stopping, s.stop = context.WithCancelCause(context.Background())
	s.handler = s.newMux()
	return s
}

// Failed yields an error when a listener has stopped by itself. It is never closed.
func (s *Server) Failed() <-chan error { return s.failed }

// guarded returns the routes for callers that g lets in.
func (s *Server) guarded(g guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		rec := &recorder{
			ResponseWriter: w, control: http.NewResponseController(w), path: otherPath, patience: s.options.patience,
		}
		s.observer.Begin(transportHTTP)
		defer func() {
			if p := recover(); p != nil {
				s.panicked(rec, r, p)
			}
			s.observer.End(rec.request(r, time.Since(begin)))
			if rec.abort {
				panic(http.ErrAbortHandler)
			}
		}()
		setBaseHeader(w.Header())
		if err := g.check(r); err != nil && !(errors.Is(err, errNoCredential) && open(r.URL.Path)) {
			s.fail(rec, r, err)
			return
		}
		if !plainPath(r.URL.Path) {
			s.fail(rec, r, errNoRoute)
			return
		}
		s.handler.ServeHTTP(rec, r)
	})
}

// panicked answers for a handler that has panicked.
func (s *Server) panicked(w *recorder, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		w.abort = true
		return
	}
	s.log.Error("a request handler panicked", "method", r.Method, "path", w.path, "panic", p, "stack", string(debug.Stack()))
	if w.status != 0 {
		w.abort = true
		return
	}
	s.fail(w, r, errors.New("panic"))
}

// serveHTTP serves l until Shutdown.
func (s *Server) serveHTTP(l net.Listener, g guard) error {
	srv := &http.Server{
		Handler:           s.guarded(g),
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      bodyTimeout + writeTimeout, // handlers set their own before they write
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnState:         s.silent.changed,
		ErrorLog:          s.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),

		DisableGeneralOptionsHandler: true, // it answers "OPTIONS *" to anybody
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return task.ErrClosed
	}
	s.servers = append(s.servers, srv)
	s.serving.Go(func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.report(err)
		}
	})
	return nil
}

// report tells the owner that a listener stopped by itself.
func (s *Server) report(err error) {
	select {
	case s.failed <- err:
	default: // one is enough
	}
}

// Shutdown stops listening, ends streams and long polls, and waits for the other requests until ctx
// ends; then it closes what is left. It returns ctx's cause if it had to.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	servers, rpcs, cleanup := s.servers, s.grpc, s.cleanup
	s.cleanup = nil
	s.mu.Unlock()

	s.stop(task.ErrClosed)
	s.silent.close()
	var stopping sync.WaitGroup
	for _, srv := range servers {
		stopping.Go(func() {
			if srv.Shutdown(ctx) != nil {
				srv.Close()
			}
		})
	}
	for _, srv := range rpcs {
		stopping.Go(func() { stopGRPC(ctx, srv) })
	}
	stopping.Wait()
	s.serving.Wait()
	s.sending.Wait()
	for _, f := range cleanup {
		f()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("requests were cut off: %w", context.Cause(ctx))
	}
	return nil
}
