package api

import (
	"context"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// Tasks is what the API needs of the host's tasks. All methods may be called at any time by any
// number of goroutines. Errors wrap the conditions of package task, or are task.FieldErrors or
// *task.Error.
type Tasks interface {
	// Create stores a new task and returns it; when it returns without an error the task is on disk.
	// It validates the spec. It does not keep or change t.
	Create(ctx context.Context, t *task.Task, o CreateOptions) (*task.Task, error)
	// Apply creates the task of that name or changes it.
	Apply(ctx context.Context, t *task.Task, o ApplyOptions) (*task.Task, task.Applied, error)
	// Get returns the task of that name.
	Get(name task.Name) (*task.Task, error)
	// List returns one page of tasks. Limit is at most task.MaxPage.
	List(q task.Query) (*task.List, error)
	// Runs returns one page of the runs of a task.
	Runs(name task.Name, q task.RunQuery) (*task.RunList, error)
	// Watch returns the task as it is, and a channel that is closed when it has changed since.
	Watch(uid task.UID) (*task.Task, <-chan struct{}, error)
	// Cancel asks the task to end and returns when that is on disk. A zero uid means any.
	Cancel(ctx context.Context, name task.Name, uid task.UID) error
	// Delete removes the task. Gone is false if it is being stopped first.
	Delete(ctx context.Context, name task.Name, uid task.UID) (gone bool, err error)
	// Output opens the output of a task for reading.
	Output(name task.Name, q task.OutputQuery) (OutputReader, error)
}

// CreateOptions change what Create does.
type CreateOptions struct {
	Key    string   // idempotency key; empty means none
	Digest [32]byte // of what the key stands for; set with Key
	DryRun bool     // check, route and build, but store nothing
}

// ApplyOptions change what Apply does.
type ApplyOptions struct {
	UID             task.UID // only if the stored task has it; zero means any
	ResourceVersion string   // only if the stored task has it; empty means any
	DryRun          bool     // check, route and build, but store nothing
}

// An OutputReader reads the output that one query asks for. One goroutine uses it.
type OutputReader interface {
	// Next waits for the next chunk until ctx ends, and returns io.EOF after the last one. The Next
	// cursor of the end of an attempt is the start of the attempt after it. What a chunk points to
	// is never changed afterwards.
	Next(ctx context.Context) (task.Chunk, error)
	// Close releases what the reader holds. No Next is waiting.
	Close()
}

// Plugins is what the API needs of the host's plugins.
type Plugins interface {
	// Status returns all plugins in the order of registration.
	Status() []task.Plugin
	// Explain says who would run t.
	Explain(ctx context.Context, t *task.Task) (*task.Explanation, error)
}

// Health says whether the host is fit to take submissions.
type Health interface {
	// Ready returns whether it is, and otherwise what is missing.
	Ready() (ok bool, problems []string)
}

// A Backend is the host behind the API. All of it is needed.
type Backend struct {
	Tasks   Tasks
	Plugins Plugins
	Health  Health
}

// An Observer counts requests. Its methods are called by many goroutines and return at once.
type Observer interface {
	// Begin says that a request has come in.
	Begin(transport string)
	// End says that it has been answered. Every Begin has its End.
	End(r Request)
}

// A Request is an answered request, as an Observer sees it. All its fields but Duration come from
// closed sets.
type Request struct {
	Transport string // http or grpc
	Method    string // such as GET; "other" for a method that no route knows; on gRPC the RPC's name
	Path      string // the route's pattern, or "other"; on gRPC the service's name
	Status    string // HTTP status, or gRPC code such as NotFound
	Duration  time.Duration
}

// noObserver is used where none is given.
type noObserver struct{}

func (noObserver) Begin(string) {}
func (noObserver) End(Request)  {}
