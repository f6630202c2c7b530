package host

import (
	"context"
	"errors"
	"time"

	"github.com/soltihq/solti-host/host/internal/execute"
)

// Shutdown stops the host: it takes no more tasks, asks running attempts to end, gives them the
// grace, and then stops the plugins and closes the state. Ctx ends the waiting: what runs then is
// killed. Tasks that wait, and those that restart, go on when a host is started again. All calls
// share one shutdown. The error names attempts that did not end in time.
func (h *Host) Shutdown(ctx context.Context) error {
	h.shutdown.Do(func() { h.result = h.close(ctx) })
	return h.result
}

// shutdownSlack is what a shutdown may take beyond the grace of attempts: their force, and records.
const shutdownSlack = 15 * time.Second

func (h *Host) close(ctx context.Context) error {
	var errs []error
	if h.supervisor != nil {
		grace := h.options.Grace
		if grace == 0 {
			grace = execute.DefaultStopGrace
		}
		stopping, cancel := context.WithTimeout(ctx, grace+shutdownSlack)
		errs = append(errs, h.supervisor.Shutdown(stopping))
		cancel()
	}
	h.stop()
	h.work.Wait()
	if h.plugins != nil {
		errs = append(errs, h.stopPlugins(ctx))
	}
	errs = append(errs, h.storage.close(ctx))
	if h.removeScratch != nil {
		errs = append(errs, h.removeScratch())
	}
	return errors.Join(errs...)
}

// What plugins have to stop as a rule, and when nobody wants to wait any more: the end of a plugin is waited for
// in any case, because only that proves that nothing of it is left.
const (
	pluginGrace = 20 * time.Second
	pluginHurry = 4 * time.Second
)

func (h *Host) stopPlugins(ctx context.Context) error {
	limit := pluginGrace
	if ctx.Err() != nil {
		limit = pluginHurry
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return h.plugins.Stop(stopping)
}
