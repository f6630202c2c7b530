// Package wire is what the plugin and one worker say to each other.
//
// There are two ways between them. A socket of type SEQPACKET carries messages, one datagram each, with
// descriptors beside them; a ring in shared memory carries output and counters.
// Where jobs follow each other closely, Job and Status take a shorter way, a [slot] in that memory at which the
// receiver looks for a moment before it sleeps. The plugin knows how long jobs and gaps between them take, and says
// whether the worker looks; a [pace] ends the looking where it does not pay.
//
//	plugin                                   worker
//	   Load  (module, code, shell, ring) ->
//	                                     <-  Ready or Refusal
//	   Job   (stdin, mounts, listeners)  ->
//	                                         guest writes: bytes into the ring
//	                                     <-  Bell, only when the plugin sleeps or the ring is half full
//	   Room, only when the ring was full ->
//	                                     <-  Status, once, after the last byte of output
//	   Job ... or the end of the socket  ->  exit
//
// The ring is what makes output cheap and complete. A guest's write is a copy; the plugin, which has timers
// that run while a guest does not let go of its processor, decides how long small writes are gathered: the
// first after a pause is handed on at once, those that follow within [Gather], or are written within it from a
// job's beginning, together: most jobs are over by then, and wake the plugin once. What the guest had written
// when its process was killed is still there, to the last byte.
//
// Output beyond a limit is discarded by the worker, which the plugin tells to in the shared memory, and counted
// there: what is dropped costs the guest its own processor time and the plugin none. A mark in the ring stands
// where the bytes are missing.
//
// A stop is SIGKILL to the worker. The plugin's end then sees the end of the socket, takes what the ring
// holds and returns [ErrGone].
//
// # Invariants
//
//   - The worker is believed nothing: a message is decoded within fixed bounds, positions and lengths found in
//     the ring are checked before use, bytes are copied out before they are looked at, and descriptors that a
//     worker might send are never received. What does not fit is [ErrProtocol], and the worker is to be killed.
//   - A job yields exactly one Status or an error, and no output is handed on after either.
//   - A [Parent] is used by one goroutine at a time, but for [Parent.Usage] and [Parent.Hurry].
package wire
