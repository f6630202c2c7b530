// Package output keeps what attempts write: bounded, on disk, readable from any offset by any number
// of followers, live or long after the end.
//
// A run's output is one log of frames in the order of arrival over both streams. Each frame holds
// bytes of one stream, or says that so many are missing and why, so that the frames of a stream tile
// it from 0 to what was produced. A place in the log is a cursor, (stdout bytes, stderr bytes); every
// frame before it is covered by it, so no further index is needed to go on from any cursor, also one
// in the middle of a frame.
//
// # Where frames are
//
//   - A run that writes nothing has no file, and costs one small allocation.
//   - The first 64 KiB or 16 frames of a run go to a segment that all runs share (shared.go). The run
//     remembers their positions, which [Summary.Ref] packs into some hundred bytes.
//   - A run that writes more is promoted: its frames so far are copied, in order, into a directory of
//     its own, {uid}/{attempt}, and go on there in segments of 1 MiB (own.go). The oldest go when the
//     run exceeds its cap.
//   - While somebody follows a live run, its newest frames are also in a ring in memory (ring.go).
//   - What readers behind the ring read of a run's own files, they share (block.go): a block is read
//     and decoded once, and kept as long as others of them may come to it.
//   - Missing bytes that no file tells of yet wait in memory (gap.go) for the next frame, but not
//     longer than a second, so that also a host that is killed has told of them. Only what a failing
//     disk did not take waits until it does.
//
// Without a directory everything is in the rings.
//
// # Invariants
//
//   - A frame is in its file before any reader sees it. A host that is killed loses nothing that a
//     follower has seen; power loss may take what the kernel had not written.
//   - A writer never waits for a reader: readers hold a run's lock for as long as it takes to look
//     something up in memory, and read files with no lock, and no open file, between two chunks.
//     Many readers that wait are woken together, and the less often the more they are (wake.go).
//   - Kept bytes plus dropped bytes are the produced bytes, exactly, for every stream and run. A
//     reader gets each byte once or a gap in its place.
//   - A failing disk drops bytes, counted and with the reason, and never stops a task. Every write is
//     tried on its own, so writing resumes as soon as it can.
//   - A segment never shrinks while it is in use, and nobody writes into the middle of one.
//
// # Locks
//
// In the order in which they may be taken: Writer.mu (one writer's decisions, held while it writes),
// shared.mu (the shared segments, held while a small frame is written), Store.mu (which runs there
// are), run.mu (one run's state). The last two are never held during I/O, nor is blocks.mu, which is
// taken alone.
//
// After Open, a goroutine measures the directories it found and ends. There is no other.
package output
