package oracle

import (
	"github.com/soltihq/solti-host/host/task"
)

// An OpKind names a request of a submitter.
type OpKind string

// The requests.
const (
	Create OpKind = "create"
	Apply  OpKind = "apply"
	Cancel OpKind = "cancel"
	Delete OpKind = "delete"
	Get    OpKind = "get"
)

// An Answer says what came of a request.
type Answer string

// The answers.
const (
	Done    Answer = "done"    // acknowledged
	Refused Answer = "refused" // by the host, or never sent: nothing was stored
	Unknown Answer = "unknown" // the host died before it answered
)

// An Op is a request of a submitter and its answer.
type Op struct {
	Kind   OpKind
	Life   int       // of the host that was asked
	Name   task.Name // empty: the submitter left it to the host, and did not learn it
	Spec   string    // id of the intent, of Create and Apply
	Key    string    // idempotency key of Create; empty means none
	Answer Answer
	Reason task.Reason // of a refusal

	// What an acknowledgement showed.
	UID        task.UID
	Generation int64
	Seen       string       // id of the spec, of Create, Apply and Get
	Attempt    int          // of Get
	Over       bool         // of Get: there is an outcome
	Gone       bool         // of Delete: at once
	How        task.Applied // of Apply
}
