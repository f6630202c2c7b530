package event

import (
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A Kind says what happened to a task.
type Kind uint8

// The kinds of records.
const (
	Accepted Kind = iota + 1 // a submission was stored; it may have been rejected in the same step
	Updated                  // metadata or spec changed by an apply
	Stopping                 // cancellation or deletion was asked for
	Started                  // an attempt begins
	Ended                    // an attempt ended; the task may have ended with it
	Finished                 // the task ended without an attempt ending
	Pruned                   // runs up to and including attempt Through were forgotten
	Removed                  // the task was forgotten, with its runs
	Noted                    // the attempt that runs has told facts about itself
)

// A Record is one durable fact about one task, as images of what it left behind: whoever applies
// records needs no rules, the last image holds. Records are made by the supervisor (and by retention)
// and become durable in the order in which they were made.
//
// What a record points to is never changed after the record was made.
type Record struct {
	Kind    Kind
	At      time.Time  // wall time, for display and retention
	Task    *task.Task // the task after it; of Pruned and Removed only Metadata.UID and Name count
	Book    Book       // the supervisor's own notes on the task after it
	Run     *task.Run  // the run after it; nil where the record is not about a run
	From    int        // of Pruned: the first attempt forgotten
	Through int        // of Pruned: the last attempt forgotten
	Respec  bool       // metadata or spec differ from the task's last record
	Key     *Key       // of Accepted: the idempotency key it came under, if any
	Count   Counters   // the host's counters after it; zero fields are unchanged
}

// A Book is what the supervisor must remember of a task to go on after a restart, beside its status.
type Book struct {
	Revision uint64      // counts the task's records; shown within resourceVersion
	Order    uint64      // place in the order of admission
	Head     bool        // a replacement, waiting before all others of its slot
	Owner    bool        // the task owns its slot
	Streak   int         // failures in a row
	Losses   int         // plugin losses in a row
	Stop     task.Reason // why it was asked to end; empty if it was not
	Slot     task.Slot   // the slot it is in, where that is not the one of its spec
	System   bool        // a task of the host's own: takes no permit, is not listed
}

// Counters are the host's durable counters. They only grow.
type Counters struct {
	Run   uint64 // the last number given to a run
	Name  uint64 // the last number given to a name that the host made
	Order uint64 // the last place given in the order of admission
}

// A Key is an idempotency key with what it was used for.
type Key struct {
	Text    string
	Digest  [32]byte // of the request
	UID     task.UID
	Name    task.Name
	Busy    bool // the task was rejected at once, for a busy slot
	Expires time.Time
}
