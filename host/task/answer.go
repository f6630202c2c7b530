package task

import (
	"errors"
	"time"
)

// An APIStatus is the body of an answer of the API that holds no resource: of every failure, and of
// a deletion that is done.
type APIStatus struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`   // Status
	Status     string         `json:"status"` // Success or Failure
	Code       int            `json:"code"`   // the HTTP status
	Reason     Reason         `json:"reason,omitempty"`
	Message    string         `json:"message,omitempty"`
	Details    *StatusDetails `json:"details,omitempty"`
}

// Kinds of the documents that the API answers with, beside KindTask.
const (
	KindStatus      = "Status"     // an APIStatus
	KindTaskList    = "TaskList"   // a List
	KindRunList     = "RunList"    // a RunList
	KindPlugin      = "Plugin"     // a Plugin
	KindPluginList  = "PluginList" // a PluginList
	KindExplanation = "Explanation"
	KindReadiness   = "Readiness"
	KindVersion     = "Version" // a BuildInfo
)

// Values of APIStatus.Status.
const (
	StatusSuccess = "Success"
	StatusFailure = "Failure"
)

// StatusDetails are the parts of an APIStatus that programs use.
type StatusDetails struct {
	Causes            []StatusCause `json:"causes,omitempty"`            // the fields at fault
	RetryAfterSeconds int           `json:"retryAfterSeconds,omitempty"` // when a repetition may succeed; 0 means that it will not
}

// A StatusCause says what is wrong with one field.
type StatusCause struct {
	Field   string `json:"field,omitempty"` // such as spec.workload.spec.args[1]; empty means the whole document
	Message string `json:"message"`
	Reason  Reason `json:"reason,omitempty"`
	Line    int    `json:"line,omitempty"` // of a document in YAML, from 1; 0 means not known
}

// Reasons of refusals by the API, beside the error kinds of the runner contract.
const (
	ReasonBadRequest       Reason = "BadRequest"       // the request cannot be read
	ReasonUnauthorized     Reason = "Unauthorized"     // no credential, or a wrong one
	ReasonForbidden        Reason = "Forbidden"        // a request that another site made a browser send
	ReasonNotFound         Reason = "NotFound"         // no such task, run, plugin or route
	ReasonMethodNotAllowed Reason = "MethodNotAllowed" // the route knows other methods
	ReasonAlreadyExists    Reason = "AlreadyExists"    // the name is taken
	ReasonConflict         Reason = "Conflict"         // the task is not the one, or not as, the request says
	ReasonExpired          Reason = "Expired"          // the continue token is too old
	ReasonTooLarge         Reason = "RequestEntityTooLarge"
	ReasonMediaType        Reason = "UnsupportedMediaType"
	ReasonMisdirected      Reason = "MisdirectedRequest" // a Host header that is not the host's
	ReasonInvalid          Reason = "Invalid"            // the request can be read, but breaks a rule
	ReasonKeyReused        Reason = "IdempotencyKeyReused"
	ReasonQueueFull        Reason = "QueueFull"
	ReasonNotReady         Reason = "NotReady"            // plugins are still starting
	ReasonShuttingDown     Reason = "ShuttingDown"        // the host stops
	ReasonUnavailable      Reason = "StoreUnavailable"    // the store takes no writes
	ReasonNoSpace          Reason = "InsufficientStorage" // the disk is full
	ReasonDeadline         Reason = "DeadlineExceeded"    // the caller's time was up
)

// ErrNoSpace says that the disk that holds the state is full; nothing was stored.
var ErrNoSpace = errors.New("no space left on the disk that holds the state")

// Applied says what an apply did.
type Applied string

// What an apply does.
const (
	AppliedCreated    Applied = "created"
	AppliedConfigured Applied = "configured" // metadata or spec changed
	AppliedUnchanged  Applied = "unchanged"
)

// Readiness says whether the host takes submissions.
type Readiness struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"` // Readiness
	Ready      bool     `json:"ready"`
	Problems   []string `json:"problems"` // what is missing; never nil
}

// A BuildInfo says which program a host is.
type BuildInfo struct {
	APIVersion string `json:"apiVersion,omitempty"` // in answers of the API
	Kind       string `json:"kind,omitempty"`       // Version, in answers of the API
	Version    string `json:"version"`
	Commit     string `json:"commit,omitempty"`
	Go         string `json:"go"`
	Platform   string `json:"platform"` // os/arch
}

// A PluginList holds all plugins the host knows of, in the order of registration.
type PluginList struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`  // PluginList
	Items      []Plugin `json:"items"` // never nil
}

// An Endpoint is what the host writes into endpoint.json of its state directory: where its API
// listens on TCP, and with which token.
type Endpoint struct {
	Address string `json:"address"` // host:port
	Token   string `json:"token"`
}

// Names of files in the state directory by which clients find the host.
const (
	SocketFile     = "solti.sock"      // the API over HTTP
	GRPCSocketFile = "solti-grpc.sock" // the API over gRPC
	EndpointFile   = "endpoint.json"   // an Endpoint
)

// An OutputEvent is the data of one event of an output stream: of the events chunk, gap and ended.
type OutputEvent struct {
	Attempt int       `json:"attempt"`
	Stream  string    `json:"stream,omitempty"` // stdout or stderr; of chunk and gap
	Offset  int64     `json:"offset"`           // bytes of this stream before it
	Time    time.Time `json:"time,omitzero"`    // at which the host received it
	Data    []byte    `json:"data,omitempty"`   // of chunk; base64 in JSON
	Bytes   int64     `json:"bytes,omitempty"`  // of gap: how many are missing
	Reason  string    `json:"reason,omitempty"` // of gap: why
	Run     *Run      `json:"run,omitempty"`    // of ended
}
