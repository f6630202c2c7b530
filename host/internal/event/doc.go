// Package event holds what happened: the durable [Record]s from which everything else is derived,
// and a lossy [Bus] that tells the curious about them.
//
// Decisions, state, counters and metrics come from records, in order and without loss. Events are
// for watching: a subscriber that does not keep up misses some and is told how many.
package event
