// Package supervisor keeps admitted tasks running under their policies.
//
// All decisions are made by one machine: a value that takes one input at a time (a submission, the
// end of an attempt, a timer) and answers with records and effects. It knows no clock, no dice, no
// process and no disk; time and random numbers come in with the input. One controller goroutine
// feeds it and hands its records to the [Journal] in the order of the decisions. An effect (an
// answer to a caller, a build, the start of an attempt) is released only when the records of its
// step are durable, so whatever the world sees is on disk. The one exception is stopping what runs:
// that happens at once, and its record follows.
//
// What takes time happens in goroutines of its own: one for each running attempt and one for each
// build. A task that waits, in a slot's queue, for a permit, for its backoff or for its runner, costs
// no goroutine.
//
// # Promises
//
//   - A slot has at most one owner, and is free only after the owner's attempt is gone.
//   - Attempts of a task never overlap and are numbered from 1 without gaps.
//   - A task gets exactly one outcome, in the record that ends it.
//   - A permit is held from the decision to start an attempt until the attempt is gone, never while
//     a task waits. Permits and slots are served first come, first served.
//   - A replacement is built before its victim is stopped, starts after the victim is gone, and
//     leaves the rest of the queue as it was.
//   - Run numbers are given out once, ever: a number is used only after the record with it is durable.
//
// A journal that fails for good stops the machine's effects, not what already runs.
package supervisor
