package host

import (
	"context"
	"errors"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/output"
)

// A janitor removes the output of what has been forgotten, behind the back of whoever commits records.
type janitor struct {
	outputs *output.Store
	log     hclog.Logger
	wake    chan struct{}

	mu   sync.Mutex
	todo []event.Record // guarded by mu; Removed and Pruned
}

func newJanitor(outputs *output.Store, log hclog.Logger) *janitor {
	return &janitor{outputs: outputs, log: log, wake: make(chan struct{}, 1)}
}

// told notes what records forget. It does not wait.
func (j *janitor) told(records []event.Record) {
	for _, r := range records {
		if r.Kind != event.Removed && r.Kind != event.Pruned {
			continue
		}
		j.mu.Lock()
		j.todo = append(j.todo, r)
		j.mu.Unlock()
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
}

// run removes output until ctx ends.
func (j *janitor) run(ctx context.Context) {
	for {
		select {
		case <-j.wake:
		case <-ctx.Done():
			return
		}
		j.mu.Lock()
		todo := j.todo
		j.todo = nil
		j.mu.Unlock()
		for _, r := range todo {
			if err := j.remove(r); err != nil {
				j.log.Warn("output of a forgotten task is left behind", "task", r.Task.Metadata.Name, "error", err)
			}
		}
	}
}

func (j *janitor) remove(r event.Record) error {
	uid := r.Task.Metadata.UID
	if r.Kind == event.Removed {
		return j.outputs.Remove(uid)
	}
	var errs []error
	for n := r.From; n <= r.Through; n++ {
		errs = append(errs, j.outputs.RemoveRun(output.Key{UID: uid, Attempt: n}))
	}
	return errors.Join(errs...)
}
