package wire

import (
	"fmt"
	"time"
)

// An End is how a job ended.
type End uint8

// The ends of a job that has a Status.
const (
	Exited  End = 1 + iota // the guest returned or called proc_exit
	Trapped                // the engine stopped the guest
	Failed                 // the guest could not be started
)

// A TrapKind says why the engine stopped a guest.
type TrapKind string

// The kinds of traps.
const (
	TrapUnreachable     TrapKind = "unreachable"
	TrapMemory          TrapKind = "memory_oob"
	TrapTable           TrapKind = "table_oob" // also a null element: the engine does not tell them apart
	TrapNull            TrapKind = "null_element"
	TrapIndirectType    TrapKind = "indirect_type"
	TrapDivision        TrapKind = "div_zero"
	TrapOverflow        TrapKind = "int_overflow"
	TrapConversion      TrapKind = "bad_conversion"
	TrapStack           TrapKind = "stack_overflow"
	TrapUnalignedAtomic TrapKind = "unaligned_atomic"
	TrapOther           TrapKind = "other"
)

// MaxFrames and MaxTrap bound what is told of a trap: frames, and bytes of text in all.
const (
	MaxFrames = 30
	MaxTrap   = 16 << 10
)

// A Frame is one function on the guest's stack.
type Frame struct {
	Function string // its name, or $N for the Nth function where the module has no names
	Source   string // file:line:column, if the module was loaded with Debug and says it
}

// A Trap says why and where the engine stopped a guest.
type Trap struct {
	Kind    TrapKind
	Message string
	Frames  []Frame // innermost first
}

// A Status is how a job ended. It is the worker's word, which a guest that broke out could forge: what the
// plugin did itself, such as a kill at the timeout, goes before it.
type Status struct {
	End    End
	Code   uint32 // of Exited
	Trap   Trap   // of Trapped
	Reason string // of Failed

	Instantiated time.Duration // from the job's arrival to the call of its entry
	Ran          time.Duration // from there to the end
	Reusable     bool          // the worker may take another job
}

func (s Status) encode() *encoder {
	e := encode(kindStatus)
	e.uint(uint64(s.End))
	e.uint(uint64(s.Code))
	e.string(clip(s.Reason, MaxTrap))
	e.duration(s.Instantiated)
	e.duration(s.Ran)
	e.bool(s.Reusable)
	e.string(string(s.Trap.Kind))
	left := MaxTrap
	message := clip(s.Trap.Message, left)
	left -= len(message)
	e.string(message)
	frames := s.Trap.Frames[:min(len(s.Trap.Frames), MaxFrames)]
	e.uint(uint64(len(frames)))
	for _, f := range frames {
		f.Function = clip(f.Function, left)
		left -= len(f.Function)
		f.Source = clip(f.Source, left)
		left -= len(f.Source)
		e.string(f.Function)
		e.string(f.Source)
	}
	return e
}

func (s *Status) decode(d *decoder) error {
	s.End = End(d.uint())
	s.Code = uint32(d.uint())
	s.Reason = d.string()
	s.Instantiated = d.duration()
	s.Ran = d.duration()
	s.Reusable = d.bool()
	s.Trap.Kind = TrapKind(clip(d.string(), 64))
	s.Trap.Message = d.string()
	n := d.count(2)
	if n > MaxFrames {
		d.fail("too many frames")
	}
	for range min(n, MaxFrames) {
		s.Trap.Frames = append(s.Trap.Frames, Frame{Function: d.string(), Source: d.string()})
	}
	if s.End < Exited || s.End > Failed {
		d.fail(fmt.Sprintf("end %d unknown", s.End))
	}
	return d.end()
}

// clip cuts s to at most n bytes.
func clip(s string, n int) string { return s[:min(len(s), max(n, 0))] }
