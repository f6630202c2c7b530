package sdk

import "time"

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
