// Package store makes records durable, behind a small port.
//
// A [Store] keeps tasks, their runs, the host's counters and the idempotency keys, as the after-images
// that [event.Record]s carry. Package bolt keeps them on disk, package memory does not; both pass the
// suite of package storetest. The one writer of a store is its [Committer]: it takes whatever units of
// records are waiting, makes one transaction of them, and answers all. Nobody ever waits for a group
// to fill: while one group is being synced, the next one collects.
//
// # Invariants
//
//   - Units become durable whole and in the order in which they were appended.
//   - A unit is answered exactly once, in order, after its fate is known.
//   - A full disk delays units, it never drops or reorders them. New work is refused meanwhile.
//   - After a failed sync nothing is written any more, since nobody knows what is on disk.
package store
