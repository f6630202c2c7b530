package sdk

import (
	"time"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A SelfStarter is a [Task] that says itself when its work has begun, by calling [Run.Started]; its
// StartsItself method is a mark and does nothing. Implement it where an attempt first pulls,
// compiles or waits for something: the task's timeout runs from Started, its startTimeout until then.
//
// For every other Task the SDK says so when Run is called.
type SelfStarter interface {
	Task
	StartsItself()
}

// Stats is resource use since the start of a run. Zero means not known.
type Stats struct {
	CPUTime         time.Duration // processor time
	MemoryBytes     uint64        // resident memory now
	MemoryPeakBytes uint64        // largest resident memory so far
	Processes       uint32        // processes now
}

// Started says that the work has begun, and what it is called in the runner's own terms, such as a
// process or container id of at most 256 bytes. Only the first call counts. A [SelfStarter] that
// never calls it has begun with its first output, or when Run returns.
func (r *Run) Started(externalID string) { r.a.queue.started(externalID) }

// Facts says what is to be kept with the record of the attempt for as long as that is: what the work was
// granted, what it runs on. It is for a [SelfStarter], before Started; what comes later is not kept. A second
// call adds to the first. At most 32 facts are kept, in the order of their names, with names of at most 64
// bytes and 16 KiB in all; what is cut off ends in dots.
func (r *Run) Facts(facts map[string]string) { r.a.queue.tell(facts) }

// A Stream is one of the two of a run.
type Stream uint8

// The streams.
const (
	Stdout Stream = 1 + iota
	Stderr
)

// Gap says that n bytes of a stream are left out here, between what was written to it before and what will be,
// and why, for people. Readers of the output see it in its place, and the record of the attempt counts the bytes
// as dropped. Like writing, it waits while the host is behind; gaps of one reason with nothing of the stream
// between them may become one. Nothing happens where n is below 1, where there is no such stream, or once
// the run is over.
func (r *Run) Gap(stream Stream, n int64, reason string) {
	if n > 0 && (stream == Stdout || stream == Stderr) {
		r.a.queue.gap(pluginv1.Stream(stream), uint64(n), clip(reason, maxReason))
	}
}

// Event tells something worth knowing, such as that an image was pulled. The name is a word; the
// message may be empty; at most 32 attributes are sent. It may come before Started.
func (r *Run) Event(name, message string, attrs map[string]string) {
	r.a.event(name, message, attrs)
}

// Stats tells resource use. Call it as often as the numbers are worth it, say every few seconds.
func (r *Run) Stats(s Stats) { r.a.stats(s) }

// Deadline returns when a stop turns from asking to forcing, or the zero time while nobody has asked
// the attempt to end. A second stop may bring it nearer.
func (r *Run) Deadline() time.Time { return r.a.deadline() }

// Force returns a channel that is closed when the grace of a stop is over: what still runs must then
// be killed at once, and Run must return. Every Force comes after the end of Run's context.
func (r *Run) Force() <-chan struct{} { return r.a.force }

// StopReason returns why the attempt is to end, or [StopUnknown] while nobody has asked.
func (r *Run) StopReason() StopReason { return r.a.stopReason() }

// StopGrace returns how long a stop that the plugin begins by itself waits between asking and
// forcing.
func (r *Run) StopGrace() time.Duration { return r.a.grace }
