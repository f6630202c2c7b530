package task

import (
	"encoding/json"
	"time"
)

// A Task is a named, durable resource: what somebody wants to run, and what became of it.
type Task struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
	Status     Status   `json:"status,omitzero"`
}

// Metadata names a task and says which version of it this is. The submitter sets Name, Labels and
// Annotations; the host sets the rest and ignores what a submitter puts there.
type Metadata struct {
	Name              Name              `json:"name,omitempty"` // empty in a submission: the host makes one
	UID               UID               `json:"uid,omitzero"`
	Generation        int64             `json:"generation,omitempty"`      // counts changes of the spec, from 1
	ResourceVersion   string            `json:"resourceVersion,omitempty"` // opaque; differs after every change
	CreationTimestamp time.Time         `json:"creationTimestamp,omitzero"`
	DeletionTimestamp time.Time         `json:"deletionTimestamp,omitzero"` // when deletion of a running task was asked for
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
}

// A Spec is what a submitter wants.
type Spec struct {
	Slot           Slot      `json:"slot"`
	Workload       Workload  `json:"workload"`
	Timeout        Duration  `json:"timeout,omitempty"`      // of one attempt, from its start; 0 means none
	StartTimeout   Duration  `json:"startTimeout,omitempty"` // from the attempt's begin to its start; 0 means DefaultStartTimeout
	Restart        Restart   `json:"restart,omitzero"`
	Backoff        *Backoff  `json:"backoff,omitempty"`   // nil means DefaultBackoff
	Admission      Admission `json:"admission,omitempty"` // empty means DropIfRunning
	MaxRetries     *int      `json:"maxRetries,omitempty"`
	RunnerSelector *Selector `json:"runnerSelector,omitempty"` // nil means any runner
}

// A Workload says what to run. Spec is one JSON object whose fields belong to the kind.
type Workload struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Spec       json.RawMessage `json:"spec,omitempty"`
}

// Type returns the workload's kind.
func (w Workload) Type() Kind { return Kind{APIVersion: w.APIVersion, Name: w.Kind} }

// An Admission says what happens to a newcomer when its slot is busy. On an idle slot all of them
// start at once.
type Admission string

// The admissions.
const (
	DropIfRunning Admission = "dropIfRunning" // the newcomer is rejected
	Queue         Admission = "queue"         // the newcomer waits, first in first out
	Replace       Admission = "replace"       // the owner is stopped and the newcomer is next
)

// A Restart says when a task that ended runs again. The zero value means never.
type Restart struct {
	Policy   RestartPolicy `json:"policy,omitempty"`   // empty means Never
	Interval Duration      `json:"interval,omitempty"` // wait after a success under Always, from its end
}

// A RestartPolicy names a restart policy.
type RestartPolicy string

// The restart policies. Cancellation never restarts.
const (
	Never     RestartPolicy = "never"     // one attempt
	OnFailure RestartPolicy = "onFailure" // until a success or until MaxRetries is spent
	Always    RestartPolicy = "always"    // after success and failure
)

// A Backoff is the wait between a failed attempt and the next: min(First*Factor^n, Max), where n
// counts the failures in a row from 0, spread by Jitter. No wait is longer than Max.
type Backoff struct {
	First  Duration `json:"first,omitempty"`  // above 0; 0 means that of DefaultBackoff
	Max    Duration `json:"max,omitempty"`    // at least First; 0 means that of DefaultBackoff, or First if that is longer
	Factor float64  `json:"factor,omitempty"` // finite, at least 1; 0 means that of DefaultBackoff
	Jitter Jitter   `json:"jitter,omitempty"` // empty means Full
}

// A Jitter names a way to spread a wait.
type Jitter string

// The jitters, for a wait of w.
const (
	NoJitter     Jitter = "none"         // w
	Full         Jitter = "full"         // uniform in [0, w]
	Equal        Jitter = "equal"        // w/2 plus uniform in [0, w/2]
	Decorrelated Jitter = "decorrelated" // uniform in [first, min(3w, max)]
)

// DefaultStartTimeout bounds what comes before the start of an attempt: pulling, compiling, warming.
const DefaultStartTimeout = 10 * time.Minute

// DefaultBackoff is the backoff of a spec that has none.
var DefaultBackoff = Backoff{First: Duration(time.Second), Max: Duration(30 * time.Second), Factor: 2, Jitter: Full}

// Defaulted returns b with its unset fields filled from DefaultBackoff. It accepts nil.
func (b *Backoff) Defaulted() Backoff {
	if b == nil {
		return DefaultBackoff
	}
	d := *b
	if d.First == 0 {
		d.First = min(DefaultBackoff.First, max(d.Max, 0))
		if d.First == 0 {
			d.First = DefaultBackoff.First
		}
	}
	if d.Max == 0 {
		d.Max = max(DefaultBackoff.Max, d.First)
	}
	if d.Factor == 0 {
		d.Factor = DefaultBackoff.Factor
	}
	if d.Jitter == "" {
		d.Jitter = DefaultBackoff.Jitter
	}
	return d
}
