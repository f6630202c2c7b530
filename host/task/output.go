package task

import (
	"fmt"
	"time"
)

// A Stream names where output came from.
type Stream uint8

// The streams.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

// String returns stdout or stderr.
func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// MarshalText returns stdout or stderr.
func (s Stream) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// A Cursor is a place in the output of an attempt: so many bytes of each stream lie before it.
type Cursor struct {
	Attempt int   // 0 means the last attempt there is
	Stdout  int64 // bytes
	Stderr  int64 // bytes
}

// An OutputQuery says which output to read.
type OutputQuery struct {
	UID    UID    // only if the task has this UID; zero means any
	From   Cursor // where to begin
	Stream Stream // only this stream; 0 means both, in the order in which they arrived
	Follow bool   // go on until the task is over or, where From names an attempt, until that has ended
	Rest   bool   // with From.Attempt: go on with the attempts after it, as a query that began without naming one
}

// A Chunk is a piece of output, a gap in it, or the end of an attempt. Exactly one of Data, Gap and
// Ended is set.
type Chunk struct {
	Attempt int
	Stream  Stream // of Data and Gap
	Offset  int64  // bytes of this stream before it
	Time    time.Time
	Data    []byte
	Gap     int64  // bytes of this stream that are not there
	Why     string // of Gap
	Ended   *Run   // the attempt has ended and its output is complete
	Next    Cursor // where to go on after it
}

// An OffsetError says that a query begins behind the end of what an attempt has written.
type OffsetError struct {
	Attempt int
	Begun   bool   // the attempt has begun
	Stream  Stream // the one that does not reach that far; 0 where the attempt is at fault
	Offset  int64  // where the query begins, in bytes
	End     int64  // where the stream ends so far, in bytes
}

// Error names the attempt, and the end of the stream.
func (e *OffsetError) Error() string {
	if !e.Begun {
		return fmt.Sprintf("attempt %d has not begun", e.Attempt)
	}
	return fmt.Sprintf("%v of attempt %d ends at %d, which is before %d", e.Stream, e.Attempt, e.End, e.Offset)
}
