// Package bolt is the [store.Store] on disk: one bbolt file, state.db, in a directory of its own.
//
// # Layout
//
//	bucket  key                       value                                     written
//	meta    schema, epoch, totals     numbers and a text                        at creation; totals with every commit
//	tasks   uid                       metadata, spec and an image               accept, apply
//	status  uid                       an image                                  steps that write neither a task nor its last run
//	runs    uid, attempt              the run, with an image if it is the last  start and end of an attempt
//	keys    expiry, hash of the text  an idempotency key                        accept
//
// An image (see package codec) is the status of a task and the supervisor's notes on it. It travels in
// the one value that a step has to write anyway, so that each of the steps accept, start and end costs
// one put, besides the totals that each transaction puts once. Up to three images of a task are on disk;
// the one with the highest revision holds. Steps of one task that fall into one transaction are merged
// before anything is written.
//
// # Failures
//
// A full disk before anything was synced aborts the transaction, which may be repeated: the error wraps
// store.ErrFull and the reserve, a preallocated file, is given back to the file system. Everything else
// that goes wrong in a write is final for the handle (store.ErrBroken). A value that is not what was
// written is reported, and neither used nor removed.
//
// Beside state.db the directory holds lock (with the process id of its holder) and reserve.
package bolt
