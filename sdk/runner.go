package sdk

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
)

// A Runner is what a plugin offers: it says who it is, which tasks it takes, and makes them
// runnable. Its methods may be called at any time from any goroutine.
type Runner interface {
	// Name says who the runner is. It has no side effects and always answers the same.
	Name() Info
	// Supports returns nil if the runner takes the task, and otherwise an error that says why not.
	// It is asked only for the kinds that Name declares, is pure and answers at once.
	Supports(ctx context.Context, spec *Spec) error
	// BuildTask checks a task and prepares what its attempts share. It starts no work. Errors made
	// with [InvalidSpec], [MissingField], [UnsupportedKind] and [IO] reach the submitter typed; any
	// other error counts as a defect of the runner.
	BuildTask(ctx context.Context, build *Build) (Task, error)
}

// A Task is a task made runnable. Its attempts follow one another and never overlap. A Task that
// implements io.Closer is closed when the host lets go of it.
type Task interface {
	// Run makes one attempt: it works until the attempt ends or ctx does. When it returns, nothing
	// that it started is still running.
	//
	// A nil error means success. [Exit], [Killed] and [Permanent] tell more than an error alone.
	// The cause of ctx, as [context.Cause] returns it, is a [*StopError] that says whether the task
	// was canceled, took too long, or lost its host; after it, Run has until [Run.Deadline] to end
	// softly before the attempt is given up.
	Run(ctx context.Context, run *Run) error
}

// Info is a runner's identity.
type Info struct {
	Name    string            // [a-z][a-z0-9-]{0,62}; the binary is called solti-runner-NAME
	Version string            // semantic version; empty means unknown
	Type    string            // in metrics: subprocess, wasm, container or a word of your own; empty means Name
	Kinds   []Kind            // at least one
	Labels  map[string]string // defaults for selectors; the operator's configuration wins
	MaxRuns int               // attempts at one time; 0 means no limit

	ConfigSchema []byte // JSON Schema of the operator's settings; only for a [Configurer]
}

// A Kind is a type of workload.
type Kind struct {
	APIVersion string // such as acme.dev/v1; the group solti.io is reserved
	Kind       string // such as Probe
	// Schema is a JSON Schema (draft 2020-12) of the workload's spec: at most 256 KiB, 64 levels,
	// no remote references. The host checks specs against it when they are submitted. Empty means
	// that any JSON object is taken.
	Schema []byte
	// SupportsAll promises that Supports answers nil for every task of this kind, so that the host
	// need not ask.
	SupportsAll bool
}

// A Spec is a task as a runner sees it.
type Spec struct {
	Name        string
	UID         string
	Generation  int64
	Labels      map[string]string
	Annotations map[string]string
	Slot        string
	APIVersion  string
	Kind        string
	Raw         json.RawMessage // the workload's spec: one JSON object
	Timeout     time.Duration   // of one attempt; 0 means none. The host enforces it
}

// A Build is the request to make a task runnable.
type Build struct {
	Spec     *Spec
	Env      map[string]string // given by the operator to all tasks of this runner; it wins over the task's own
	StateDir string            // a private directory that survives the process; empty means none
	DryRun   bool              // the result is thrown away: check only
	Log      hclog.Logger
	Launch   Launch // where the host has put this plugin

	warnings Violations
}

// Warn remarks on the task without refusing it; the path counts as in [Violation]. It may be called
// until BuildTask returns, by the goroutine that called it.
func (b *Build) Warn(path, format string, args ...any) { b.warnings.Add(path, format, args...) }

// A Run is one attempt, and the way to tell the host about it. Its methods may be called from any
// goroutine until the attempt's Run returns.
type Run struct {
	ID      string            // {runner}-{slot}-{seq}, never used twice
	Attempt int               // from 1
	Env     map[string]string // for this attempt alone; it wins over every other
	Log     hclog.Logger      // lines appear in the host's log with the run's id

	Stdout io.Writer // any bytes, at any rate; writing waits while the host is behind
	Stderr io.Writer

	a *attempt
}
