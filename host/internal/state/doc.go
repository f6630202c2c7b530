// Package state is the current view of all tasks, derived from committed records and from nothing
// else, and the way in which records are committed.
//
// [State.Append] hands a unit of records to the committer of the store. When it is durable, the view is
// changed, the records are published, and whoever appended them is told, in that order and unit by unit,
// from the committer's goroutine. So who reads after an answer sees at least what was answered, and what
// the view shows survives a crash.
//
// A task that is not over is in memory whole. Of one that is over there is a compact entry, by which it is
// found by name, slot, phase and label; the task itself is read from the store.
//
// # Invariants
//
//   - The view holds the tasks of the store, less what is not applied yet; never more.
//   - A list query visits only entries that one of its conditions selects, and counts exactly.
//   - Nothing foreign is called while the lock of the view is held.
package state
