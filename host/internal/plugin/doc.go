// Package plugin keeps runner plugins running and calls them.
//
// A [Set] finds the plugins of a directory, and gives each a [Plugin] with one goroutine of its own,
// which alone launches, watches, stops and relaunches the plugin's process. A launch is a generation;
// calls go to the generation that is ready, or fail with [ErrDown].
//
//	rejected | disabled
//	starting -> ready -> (exit) -> backoff -> starting
//	                       5 early exits in 10 min -> quarantined -> (Reset) -> starting
//	any -> stopped
//
// # Invariants
//
//   - A plugin has at most one generation at a time. The next is not started before everything that
//     the one before has left behind is confirmed dead.
//   - Nothing is started before what an earlier host of the same state directory has left behind is
//     confirmed dead.
//   - [Plugin.Run] returns a [*LostError] only after the generation that ran the attempt is confirmed
//     dead with all that it started: whoever gets it may start the next attempt at once.
//   - No plugin can make another wait: they share no lock that is held during a call, and no
//     goroutine.
//
// # What a plugin may say
//
// Everything is foreign and bounded: sizes of messages, numbers of kinds, labels and features,
// lengths of texts. A stream of frames that breaks the contract (a gap in the sequence, output that
// does not join, a second Exited, a value that does not exist) ends the generation, because nobody
// knows any more what is alive. Schemas are compiled once a generation and evaluated under a budget.
//
// # Bounds
//
//	start, up to the first line       15 s, configurable
//	Name, once at the start           2 s
//	Supports; StopTask; ReleaseTask   2 s
//	BuildTask                         10 s
//	an exit is seen                   at once
//	a plugin that hangs is found      after 3 missed answers, one every 10 s, 2 s each
//	stop of a plugin                  10 s grace, then SIGKILL to the tree
//	stop of an attempt                grace; 5 s more, then force; 5 s more, then the plugin is
//	                                  asked for a sign of life and killed if there is none
//
// A plugin that is alive but does not end an attempt keeps it: Run waits, and says so in the log.
package plugin
