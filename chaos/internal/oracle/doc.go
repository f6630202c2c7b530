// Package oracle judges a host by what it left behind after a chaos run. It starts nothing and reads
// no clock: [Check] is a function from [Evidence] to violations, so that it can itself be tested with
// evidence in which something is wrong.
//
// # Evidence
//
// There are three witnesses that do not know of one another: the submitters, who wrote down every
// answer they got ([Op]); the payloads, who wrote to a ledger outside the host when they began and
// ended, and held locks meanwhile ([Line]); and the last host, which tells what it has on disk
// ([Final]).
//
// # What is checked
//
//   - What was acknowledged is there, with the uid, the generation and the spec that were
//     acknowledged, or is gone if that was acknowledged. An answer that did not come means that
//     either may be so, until somebody looks. Names have one submitter each, so that the history
//     of a name is a sequence.
//   - There is nothing that nobody asked for, and nothing twice for one idempotency key.
//   - Attempts are numbered from 1 without gaps, their run ids are never used twice, and later lives
//     of a host give out higher numbers.
//   - No attempt overlaps another of its task or of its slot: no payload found a lock taken, and no
//     run began before the one before it had ended.
//   - A task that restarts never began once at most; failures are retried as often as the task says,
//     and lost attempts do not count; nothing starts after a cancellation was acknowledged.
//   - A run is recorded as ended only if its payload ended, and as lost only if a host died.
//   - Output of a run that ended is complete; that of another is a prefix. Who followed it live has
//     seen the same bytes.
//   - What an observer has seen never changes back.
//   - At the end everything is over and no process is left.
package oracle
