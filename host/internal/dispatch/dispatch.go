package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/supervisor"
	"github.com/soltihq/solti-host/host/task"
)

// A Supervisor accepts tasks.
type Supervisor interface {
	Submit(ctx context.Context, s supervisor.Submission) (*task.Task, *event.Key, error)
	Apply(ctx context.Context, c supervisor.Change) (*task.Task, task.Applied, error)
}

// Tasks knows the tasks there are.
type Tasks interface {
	Get(name task.Name) (*task.Task, error)
	GetUID(uid task.UID) (*task.Task, error)
	Accepting() error // why no submission can be stored now; nil means that it can
}

// Runners say, without being asked over a wire, what would become of a task.
type Runners interface {
	// Settled returns nil once every plugin has had its first chance to start.
	Settled() error
	// Static checks a task against the declared kinds, labels and schemas. The error is a
	// [*task.Error] or a [task.FieldErrors].
	Static(spec *task.Spec) error
}

// A Checker goes the whole way to a built task and keeps nothing.
type Checker interface {
	Check(ctx context.Context, t *task.Task) (runner string, err error)
}

// A Pipeline takes submissions.
type Pipeline struct {
	Supervisor Supervisor
	Tasks      Tasks
	Runners    Runners
	Checker    Checker
}

// KeyTTL is how long an idempotency key stands for its submission.
const KeyTTL = 24 * time.Hour

// CreateOptions change what Create does.
type CreateOptions struct {
	Key    string   // idempotency key; empty means none
	Digest [32]byte // of what the key stands for
	DryRun bool
}

// Create accepts a new task and returns it as stored.
func (p *Pipeline) Create(ctx context.Context, t *task.Task, o CreateOptions) (*task.Task, error) {
	refused := p.admissible(t)
	if refused != nil && (o.Key == "" || o.DryRun) {
		return nil, refused
	}
	if o.DryRun {
		if _, err := p.Tasks.Get(t.Metadata.Name); err == nil && t.Metadata.Name != "" {
			return nil, fmt.Errorf("task %s: %w", t.Metadata.Name, task.ErrExists)
		}
		return p.rehearse(ctx, t, nil)
	}
	// A repetition has been accepted once, whatever has become of runners and disk meanwhile.
	s := supervisor.Submission{Task: fresh(t), Repeat: refused != nil}
	if o.Key != "" {
		s.Key = &event.Key{Text: o.Key, Digest: o.Digest, Expires: time.Now().Add(KeyTTL).UTC().Truncate(time.Second)}
	}
	stored, key, err := p.Supervisor.Submit(ctx, s)
	switch {
	case err != nil || stored != nil:
		return stored, err
	case key == nil:
		return nil, refused
	}
	if stored, err = p.Tasks.GetUID(key.UID); errors.Is(err, task.ErrNotFound) {
		return firstAnswer(t, key), nil
	}
	return stored, err
}

// firstAnswer returns a task that has been forgotten as it was answered when it was submitted as t. It
// has no resource version, since there is no resource any more.
func firstAnswer(t *task.Task, key *event.Key) *task.Task {
	f, at := fresh(t), key.UID.Time()
	f.Metadata.Name, f.Metadata.UID = key.Name, key.UID
	f.Metadata.Generation, f.Metadata.CreationTimestamp = 1, at
	f.Status = task.Status{Phase: task.Pending, ObservedGeneration: 1}
	if key.Busy {
		f.Status.Phase = task.Canceled
		f.Status.Outcome = &task.Outcome{
			Kind: task.OutcomeRejected, Reason: task.ReasonSlotBusy, FinishedAt: at,
			Message: fmt.Sprintf("slot %s was busy", t.Spec.Slot),
		}
	}
	return f
}

// ApplyOptions change what Apply does.
type ApplyOptions struct {
	UID     task.UID // only this incarnation; zero means any
	Version string   // only this resource version; empty means any
	DryRun  bool
}

// Apply creates the task or changes the one of that name, and says which.
func (p *Pipeline) Apply(ctx context.Context, t *task.Task, o ApplyOptions) (*task.Task, task.Applied, error) {
	if t.Metadata.Name == "" {
		return nil, "", task.FieldErrors{{Path: "metadata.name", Message: "must be set to apply a task"}}
	}
	if err := p.admissible(t); err != nil {
		return nil, "", err
	}
	for {
		base, err := p.Tasks.Get(t.Metadata.Name)
		if err != nil && !errors.Is(err, task.ErrNotFound) {
			return nil, "", err
		}
		c := supervisor.Change{Task: fresh(t), UID: o.UID, Version: o.Version}
		if o.DryRun {
			how, err := c.Foresee(base)
			if err != nil {
				return nil, "", err
			}
			dry, err := p.rehearse(ctx, t, base)
			return dry, how, err
		}
		if base != nil && base.Status.Done() {
			c.Base = base
		}
		stored, how, err := p.Supervisor.Apply(ctx, c)
		if !errors.Is(err, supervisor.ErrStale) {
			return stored, how, err
		}
	}
}

// admissible says why a task cannot be accepted, whatever the slots are like; nil means that it can.
func (p *Pipeline) admissible(t *task.Task) error {
	if err := p.Runners.Settled(); err != nil {
		return err
	}
	if err := p.Tasks.Accepting(); err != nil {
		return err
	}
	if err := t.Validate(); err != nil {
		return err
	}
	if err := Reserved(t); err != nil {
		return err
	}
	return p.Runners.Static(&t.Spec)
}

// ReservedPrefix begins the names and slots of the host's own tasks.
const ReservedPrefix = "solti-"

// Reserved says why a task may not have its name or slot; nil means that it may.
func Reserved(t *task.Task) error {
	var e task.FieldErrors
	if strings.HasPrefix(string(t.Metadata.Name), ReservedPrefix) {
		e.Add("metadata.name", "must not begin with %s: such names are the host's own", ReservedPrefix)
	}
	if strings.HasPrefix(string(t.Spec.Slot), ReservedPrefix) {
		e.Add("spec.slot", "must not begin with %s: such slots are the host's own", ReservedPrefix)
	}
	return e.Err()
}

// rehearse builds t, as it would be stored over base, and throws that away.
func (p *Pipeline) rehearse(ctx context.Context, t, base *task.Task) (*task.Task, error) {
	dry := fresh(t)
	dry.Metadata.Generation = 1
	if base != nil {
		dry.Metadata.Generation = base.Metadata.Generation
		if !base.Spec.Equal(&t.Spec) {
			dry.Metadata.Generation++
		}
	}
	dry.Metadata.UID = task.NewUID(time.Now())
	dry.Status.Phase = task.Pending
	runner, err := p.Checker.Check(ctx, dry)
	if err != nil {
		if errors.Is(err, supervisor.ErrDown) {
			return nil, fmt.Errorf("%w: %w", task.ErrNotReady, err)
		}
		return nil, err
	}
	dry.Metadata.UID = task.UID{}
	dry.Status.Runner = runner
	return dry, nil
}

// fresh returns t as a submitter may write it: without what only the host makes.
func fresh(t *task.Task) *task.Task {
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: t.Metadata.Name, Labels: t.Metadata.Labels, Annotations: t.Metadata.Annotations},
		Spec:     t.Spec,
	}
}
