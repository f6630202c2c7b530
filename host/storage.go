package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/state"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/bolt"
	"github.com/soltihq/solti-host/host/internal/store/memory"
)

// A storage is what a host keeps: durable records, the view of them, and the output of attempts.
type storage struct {
	store    store.Store
	state    *state.State
	outputs  *output.Store
	restored state.Restored // what an earlier host has left; Start takes it over
}

func (h *Host) openState() error {
	if h.options.StateDir == "" {
		h.store = memory.New(time.Now)
	} else {
		s, err := bolt.Open(h.options.StateDir, bolt.Options{Logger: h.log.Named("store")})
		if err != nil {
			return fmt.Errorf("open the state: %w", err)
		}
		h.store = s
	}
	var err error
	h.state, h.restored, err = state.Open(h.store, state.Options{
		Publish: h.published, Observer: &tellCommits{Observer: &h.metrics.Store, log: h.log.Named("state")}, Logger: h.log.Named("state"),
	})
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	for _, d := range h.restored.Meta.Damaged {
		h.log.Error("a record of the state is damaged and was left out", "bucket", d.Bucket, "key", fmt.Sprintf("%q", d.Key), "error", d.Err)
	}
	return nil
}

func (h *Host) openOutputs() error {
	o := output.Options{
		RunCap: h.options.Output.PerRun, SpoolCap: h.options.Output.Total, Rate: h.options.Output.Rate,
		Observer: newCountOutput(&h.metrics.Output), Log: h.log.Named("output"),
	}
	if r, ok := h.store.(store.Roomy); ok { // its reserve lies on the same disk and is not for output
		o.Yield = func() bool { return r.Room() != nil }
	}
	for _, it := range h.restored.Live {
		if it.Last != nil && it.Last.Active() {
			o.Open = append(o.Open, output.Key{UID: it.Task.Metadata.UID, Attempt: it.Last.Attempt})
		}
	}
	if len(h.restored.Meta.Damaged) == 0 { // else a run may be missing that will be wanted once it is repaired
		o.Known = func(k output.Key) bool { return h.state.Kept(k.UID, k.Attempt) }
	}
	dir := ""
	if h.options.StateDir != "" {
		dir = filepath.Join(h.options.StateDir, "output")
	}
	s, err := output.Open(dir, o)
	if err != nil {
		return fmt.Errorf("open the output of tasks: %w", err)
	}
	h.outputs = s
	return nil
}

// stateGrace bounds the wait for the last records at the end: a full disk may refuse them for ever.
const stateGrace = 10 * time.Second

// close writes what is left to write and closes what was opened.
func (s *storage) close(ctx context.Context) error {
	var errs []error
	if s.state != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stateGrace)
		defer cancel()
		errs = append(errs, s.state.Close(closing))
	}
	if s.outputs != nil {
		errs = append(errs, s.outputs.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
