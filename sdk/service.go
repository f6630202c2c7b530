package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// Heartbeat is the longest silence of a run's stream.
const Heartbeat = 10 * time.Second

// ServiceOptions adjusts a [Service]. The zero value works.
type ServiceOptions struct {
	Log       hclog.Logger  // nil discards
	Heartbeat time.Duration // longest silence of a run's stream; zero means [Heartbeat]
	Launch    Launch        // passed on to every Build
}

// A Service is the gRPC service over a [Runner]: everything about a plugin but its process. [Serve]
// makes one; tests may make their own and register it with any gRPC server.
type Service struct {
	pluginv1.UnimplementedRunnerServiceServer

	runner    Runner
	log       hclog.Logger
	heartbeat time.Duration
	launch    Launch
	runs      *runs
	handles   *handles
	gathering gatherings
	work      sync.WaitGroup // goroutines that call foreign code

	whoami func() (*identity, error) // what Name answered; it is asked once
}

// NewService returns the service over r. Call [Service.Close] when nobody calls it any more.
func NewService(r Runner, o ServiceOptions) *Service {
	s := &Service{runner: r, log: o.Log, heartbeat: o.Heartbeat, launch: o.Launch, runs: newRuns()}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	if s.heartbeat <= 0 {
		s.heartbeat = Heartbeat
	}
	s.handles = &handles{build: s.build, drop: s.dropLater, byID: make(map[string]*handle)}
	s.whoami = sync.OnceValues(s.ask)
	return s
}

// Register makes g serve s.
func (s *Service) Register(g grpc.ServiceRegistrar) { pluginv1.RegisterRunnerServiceServer(g, s) }

// Stop takes no further attempts, asks all live ones to end, each with its own grace, and waits until
// they have and everything about them has been handed to gRPC, or until ctx ends. The error names
// those that are left.
func (s *Service) Stop(ctx context.Context, reason StopReason) error {
	s.runs.close(notReady("the plugin is stopping: " + reason.String()))
	for _, a := range s.runs.all() {
		a.stop(reason, a.grace)
	}
	return s.waitIdle(ctx, func(live, sending int) bool { return live+sending == 0 })
}

// Close forces what is left of all attempts, waits for their end until ctx ends, and closes all
// tasks. The error names the attempts that are left.
func (s *Service) Close(ctx context.Context) error {
	s.runs.close(notReady("the plugin has stopped"))
	for _, a := range s.runs.all() {
		a.stop(StopShutdown, 0)
	}
	if err := s.waitIdle(ctx, func(live, _ int) bool { return live == 0 }); err != nil {
		return err
	}
	s.handles.release(s.handles.all())
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing tasks: %w", context.Cause(ctx))
	}
}

// longestGrace returns how long the live attempts may take to end softly.
func (s *Service) longestGrace() time.Duration {
	var longest time.Duration
	for _, a := range s.runs.all() {
		longest = max(longest, a.grace)
	}
	return longest
}

func (s *Service) waitIdle(ctx context.Context, quiet func(live, sending int) bool) error {
	for {
		live, sending, changed := s.runs.watch()
		if quiet(live, sending) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("attempts still alive: %q: %w", s.runs.ids(), context.Cause(ctx))
		}
	}
}

// ask gets the runner's name and checks it.
func (s *Service) ask() (id *identity, err error) {
	err = s.guard("Name", func() (err error) {
		id, err = identify(s.runner.Name(), s.features())
		return err
	})
	return id, err
}

func (s *Service) features() []string {
	list := []string{"drain", "list"}
	if _, ok := s.runner.(Configurer); ok {
		list = append(list, "configure")
	}
	if _, ok := s.runner.(Metered); ok {
		list = append(list, "metrics")
	}
	return list
}

// guard calls foreign code and turns its panic into an error; the stack goes to the log.
func (s *Service) guard(what string, call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "in", what, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in %s: %v", what, p)
		}
	}()
	return call()
}

func (s *Service) build(
	ctx context.Context, req *pluginv1.BuildTaskRequest,
) (task Task, warnings []*taskv1.FieldViolation, err error) {
	b := &Build{
		Spec:     specOf(req.Task),
		Env:      req.Context.GetEnv(),
		StateDir: req.Context.GetStateDir(),
		DryRun:   req.DryRun,
		Launch:   s.launch,
	}
	b.Log = s.log.With("task", b.Spec.Name)
	err = s.guard("BuildTask", func() (err error) {
		task, err = s.runner.BuildTask(ctx, b)
		return err
	})
	if err == nil && task == nil && !req.DryRun {
		err = errors.New("BuildTask returned neither a task nor an error")
	}
	if err != nil {
		return nil, nil, err
	}
	return task, wireViolations(b.warnings, fullPath), nil
}

// dropLater closes a task without making anybody wait.
func (s *Service) dropLater(task Task) {
	if _, ok := task.(io.Closer); ok {
		s.work.Go(func() { s.drop(task) })
	}
}

// drop closes a task that is needed no more.
func (s *Service) drop(task Task) {
	closer, ok := task.(io.Closer)
	if !ok {
		return
	}
	if err := s.guard("Close", closer.Close); err != nil {
		s.log.Warn("closing a task failed", "error", err)
	}
}

// misuse is the answer to a request that no host should send.
func misuse(format string, args ...any) error {
	return &refusal{
		reason: pluginv1.Reason_REASON_INVALID_SPEC, code: codes.InvalidArgument,
		err: fmt.Errorf(format, args...),
	}
}
