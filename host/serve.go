package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/soltihq/solti-host/host/internal/api"
	"github.com/soltihq/solti-host/host/internal/dispatch"
	"github.com/soltihq/solti-host/host/internal/state"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

// Serve offers the API on the Unix socket in the state directory, and over TCP where Options.Listen
// says so, until ctx ends. The host must have been started and needs a state directory. Once the Unix
// socket answers, everything else that was asked for does so too.
func (h *Host) Serve(ctx context.Context) error {
	if err := h.started(); err != nil {
		return err
	}
	if h.options.StateDir == "" {
		return errors.New("serve: a host without a state directory has no place for its socket: set Options.StateDir")
	}
	s := api.New(h.backend(), api.Options{
		Logger: h.log.Named("api"), Build: h.buildInfo(), Observer: countRequests{&h.metrics.API}, Metrics: h.metricsHandler(),
	})
	err := h.listen(s)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-s.Failed():
		}
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiGrace)
	defer cancel()
	if cut := s.Shutdown(stopping); cut != nil { // a caller that lingers is no failure of the host
		h.log.Warn("the API did not stop in order", "error", cut)
	}
	return err
}

// apiGrace is how long requests may take to end when the host stops.
const apiGrace = 3 * time.Second

func (h *Host) listen(s *api.Server) error {
	grpc := filepath.Join(h.options.StateDir, task.GRPCSocketFile)
	if err := s.ServeGRPC(grpc); err != nil {
		return err
	}
	h.log.Info("listening for gRPC", "socket", grpc)
	if h.options.Listen != "" && h.options.Listen != "none" {
		addr, err := s.ServeTCP(h.options.Listen, filepath.Join(h.options.StateDir, task.EndpointFile))
		if err != nil {
			return err
		}
		h.log.Info("listening", "address", addr.String())
	}
	path := filepath.Join(h.options.StateDir, task.SocketFile) // the last, since this is where people wait
	if err := s.ServeUnix(path); err != nil {
		return err
	}
	h.log.Info("listening", "socket", path)
	return nil
}

// metricsHandler shows the host's metrics, with those of the process where the registry is the host's
// own. It is nil where a registry was given that cannot be read.
func (h *Host) metricsHandler() http.Handler {
	if h.gatherer == nil {
		return nil
	}
	return promhttp.HandlerFor(h.gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second})
}

func (h *Host) buildInfo() task.BuildInfo {
	return task.BuildInfo{Version: h.options.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
}

func (h *Host) backend() api.Backend {
	return api.Backend{Tasks: apiTasks{h}, Plugins: apiPlugins{h}, Health: h}
}

// apiTasks is the host as the API sees it.
type apiTasks struct{ *Host }

// Create implements [api.Tasks].
func (a apiTasks) Create(ctx context.Context, t *task.Task, o api.CreateOptions) (*task.Task, error) {
	return a.pipeline.Create(ctx, t, dispatch.CreateOptions(o))
}

// Apply implements [api.Tasks].
func (a apiTasks) Apply(ctx context.Context, t *task.Task, o api.ApplyOptions) (*task.Task, task.Applied, error) {
	return a.pipeline.Apply(ctx, t, dispatch.ApplyOptions{UID: o.UID, Version: o.ResourceVersion, DryRun: o.DryRun})
}

// List implements [api.Tasks].
func (a apiTasks) List(q task.Query) (*task.List, error) { return a.Query(q) }

// Output implements [api.Tasks].
func (a apiTasks) Output(name task.Name, q task.OutputQuery) (api.OutputReader, error) {
	return a.openOutput(name, q)
}

// apiPlugins is the host's plugins as the API sees them.
type apiPlugins struct{ *Host }

// Status implements [api.Plugins].
func (a apiPlugins) Status() []task.Plugin { return a.Plugins() }

// tails shows the tail package what there is.
type tails struct {
	*state.State
	runs store.Store
}

// Run implements [tail.Tasks].
func (t tails) Run(uid task.UID, attempt int) (*task.Run, error) {
	runs, err := t.runs.Runs(uid, attempt-1, 1)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("attempt %d: %w", attempt, task.ErrNotFound)
	}
	return &runs[0], nil
}

func ended(err error) bool { return errors.Is(err, io.EOF) }
