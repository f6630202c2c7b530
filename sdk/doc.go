// Package sdk is for authors of runner plugins: an author writes a [Runner], and a main of one line.
//
//	func main() { sdk.Serve(probe.Runner{}) }
//
// A Runner says who it is and which kinds of task it takes, and turns a task's spec into a [Task];
// the Task's Run makes one attempt. What goes wrong is told by the errors that they return: [InvalidSpec],
// [MissingField], [UnsupportedKind] and [IO] refuse a task, [Exit], [Killed], [OutOfMemory],
// [StartFailed] and [Permanent] say how an attempt ended. docs/writing-a-runner.md is the way in,
// docs/plugin-protocol.md what goes over the wire.
//
// # How it works
//
// [Serve] owns the process: handshake, environment, lifeline, signals. A [Service] owns what the
// host calls: it keeps a table of handles and one of attempts, so that every call may be repeated.
// An attempt has two goroutines, one that runs it and one that sends what it tells; between them is a
// bounded queue.
//
// # Promises
//
//   - A panic of a runner ends the call or the attempt it happened in, nothing else.
//   - Frames of an attempt are numbered without gaps. Started comes before any output, and Exited
//     once and last, after Run has returned and with all that was written before.
//   - No output is lost while the host listens: a writer waits until there is room. A run has at
//     most 256 KiB waiting, and as much again on its way.
//   - A stop first ends the context of Run, and closes [Run.Force] when the grace is over. An
//     attempt that takes no notice of either is reported and keeps nobody else from working.
//   - When the host cancels an attempt's stream, the attempt is forced at once. When the connection
//     is lost it has its grace, as at the end of the lifeline.
//   - No goroutine of this package outlives the Service, except those that are inside a runner.
//
// Nothing here knows the host, and nothing calls back into it.
package sdk
