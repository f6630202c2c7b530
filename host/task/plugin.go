package task

import "time"

// A Plugin is what the host knows of a runner plugin.
type Plugin struct {
	APIVersion string            `json:"apiVersion,omitempty"` // in answers of the API
	Kind       string            `json:"kind,omitempty"`       // Plugin, in answers of the API
	Name       string            `json:"name"`
	Path       string            `json:"path"`
	State      PluginState       `json:"state"`
	Reason     string            `json:"reason,omitempty"` // why it is in this state, for people
	Version    string            `json:"version,omitempty"`
	RunnerType string            `json:"runnerType,omitempty"`
	SHA256     string            `json:"sha256,omitempty"`
	Required   bool              `json:"required,omitempty"`
	Order      int               `json:"order"` // place in the order of registration, from 1
	Labels     map[string]string `json:"labels,omitempty"`
	Kinds      []PluginKind      `json:"kinds,omitempty"`
	Features   []string          `json:"features,omitempty"`
	Generation int               `json:"generation,omitempty"` // launches since the host started
	PID        int               `json:"pid,omitempty"`
	StartedAt  time.Time         `json:"startedAt,omitzero"`
	Runs       int               `json:"runs"`               // attempts it is running
	Crashes    int               `json:"crashes,omitempty"`  // since the host started
	NextAt     time.Time         `json:"nextAt,omitzero"`    // of the next launch, in backoff
	LastExit   *PluginExit       `json:"lastExit,omitempty"` // of the generation before
}

// A PluginKind is a kind that a plugin declares.
type PluginKind struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Schema     []byte `json:"-"`
	HasSchema  bool   `json:"hasSchema,omitempty"`
}

// A PluginExit says how a plugin process ended.
type PluginExit struct {
	At       time.Time `json:"at"`
	Cause    string    `json:"cause"` // clean, crash, startTimeout, unresponsive or killed
	ExitCode int       `json:"exitCode"`
	Signal   string    `json:"signal,omitempty"`
	Stderr   string    `json:"stderr,omitempty"` // its last words
}

// A PluginState names where a plugin stands.
type PluginState string

// The states of plugins.
const (
	PluginRejected    PluginState = "rejected" // the file is not safe or not fit to run; Reason says why
	PluginDisabled    PluginState = "disabled" // by configuration
	PluginStarting    PluginState = "starting"
	PluginReady       PluginState = "ready"
	PluginBackoff     PluginState = "backoff"     // it crashed and will be started again at NextAt
	PluginQuarantined PluginState = "quarantined" // it crashed too often; an operator must act
	PluginStopped     PluginState = "stopped"
)

// PluginStates lists all states.
var PluginStates = []PluginState{
	PluginRejected, PluginDisabled, PluginStarting, PluginReady, PluginBackoff, PluginQuarantined, PluginStopped,
}

// An Explanation says who would run a task, and why the others would not.
type Explanation struct {
	APIVersion string    `json:"apiVersion,omitempty"` // in answers of the API
	Kind       string    `json:"kind,omitempty"`       // Explanation, in answers of the API
	Workload   string    `json:"workload"`             // apiVersion and kind of the workload
	Runner     string    `json:"runner,omitempty"`     // empty means nobody
	Runners    []Refusal `json:"runners"`              // all that were considered, in order
	Error      *Failure  `json:"error,omitempty"`      // what the submission would be answered
}

// A Refusal says why one runner does not take a task.
type Refusal struct {
	Runner  string `json:"runner"`
	Accepts bool   `json:"accepts"`
	Reason  string `json:"reason,omitempty"`
}
