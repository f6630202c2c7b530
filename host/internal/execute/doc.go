// Package execute does the supervisor's work: it finds the runner for a task, lets it build the task,
// runs attempts through it and keeps their output.
//
// An [Executor] holds no decisions. Which runner may be asked is the router's, when to try again is
// the supervisor's, and what a process does is the plugin's affair; here they meet. Tasks whose code
// is part of the host process run through the same door.
//
// # Promises
//
//   - A task that has a runner keeps it: only tasks without one are routed.
//   - Runners are asked in the order of their registration; one that is not ready is passed over as
//     long as a later one takes the task.
//   - Output is complete and closed before the result of its attempt is reported.
//   - A panic of embedded code ends its attempt, nothing else.
package execute
