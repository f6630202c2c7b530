package store

import (
	"errors"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// Conditions that callers test with errors.Is.
var (
	// ErrFull says that the disk has no room. The store is whole and may be tried again. Callers of
	// the host are told so by the same error.
	ErrFull = task.ErrNoSpace
	// ErrBroken says that the store takes no writes until the host is started again, because an
	// earlier write or sync failed and nobody knows what is on disk.
	ErrBroken = errors.New("the state store has failed and takes no writes until the host is restarted")
	// ErrCorrupt says that a record on disk is not what was written.
	ErrCorrupt = errors.New("corrupt record")
)

// A Store keeps records. Its readers may be called at any time, its one writer is a [Committer].
type Store interface {
	// Commit makes all records durable in one transaction, in order, or none of them. After an
	// error that wraps ErrFull it may be called again; after any other error the store is broken.
	// Of several images of one task the one with the highest Book.Revision holds, which therefore
	// grows with each record of a task that leaves one. Records are not kept after the return.
	Commit(records []event.Record) error
	// Load calls item for every task, in the order of their UIDs, and returns the rest. Of tasks
	// that are over, the items hold no spec but its slot. It is called once, before the first
	// Commit.
	Load(item func(Item) error) (Meta, error)
	// Task returns the task with that UID as last committed, or an error wrapping task.ErrNotFound.
	// Each call returns a value of its own or one that nobody changes.
	Task(uid task.UID) (*task.Task, error)
	// Runs returns at most limit runs of the task whose attempt is above after, oldest first.
	Runs(uid task.UID, after, limit int) ([]task.Run, error)
	// Close waits for what is going on and releases the store.
	Close() error
}

// An Item is one task as Load finds it.
type Item struct {
	Task  *task.Task
	Book  event.Book
	First *task.Run // the oldest run that is kept, if there is one
	Last  *task.Run // the last run, if there is one
}

// Meta is what a store keeps beside the tasks.
type Meta struct {
	Epoch string // random, made with the store; part of every resourceVersion
	Count event.Counters
	Keys  []event.Key // those that have not expired

	Records uint64   // how many records were ever committed; it only grows
	Damaged []Damage // what could not be read, and is left out for that
}

// A Damage is a record on disk that could not be read. The task it belongs to is left out by Load,
// and everything about that task stays on disk as it is.
type Damage struct {
	Bucket string
	Key    string // the UID of the task, with the attempt where it is about a run
	Err    error  // wraps ErrCorrupt
}

// Roomy is a [Store] that keeps a reserve for the transitions of running work, to be used when the
// disk is full.
type Roomy interface {
	// Room returns nil while the reserve is there, otherwise an error wrapping ErrFull: new work
	// should be refused. It may try to make the reserve again, and is cheap otherwise.
	Room() error
}
