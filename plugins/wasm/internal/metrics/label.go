package metrics

import (
	"slices"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// An Outcome is how an attempt ended.
type Outcome string

// All outcomes.
const (
	Succeeded   Outcome = "succeeded"
	Failed      Outcome = "failed" // an exit code other than 0
	Trapped     Outcome = "trapped"
	Stopped     Outcome = "stopped" // canceled, or over its timeout
	OutputLimit Outcome = "outputLimit"
	CPULimit    Outcome = "cpuLimit"
	OutOfMemory Outcome = "outOfMemory"
	Crashed     Outcome = "crashed"     // the worker, in the middle
	Refused     Outcome = "refused"     // the module, or what it asks for; trying again does not help
	StartFailed Outcome = "startFailed" // something else before the guest ran
)

// Outcomes are all outcomes.
var Outcomes = []Outcome{Succeeded, Failed, Trapped, Stopped, OutputLimit, CPULimit, OutOfMemory, Crashed, Refused, StartFailed}

// A Phase is a part of an attempt.
type Phase string

// All phases, in their order.
const (
	Prepare     Phase = "prepare" // finding or making the image of the module
	Queue       Phase = "queue"   // for a turn
	TakeWorker  Phase = "take"    // until there is a worker, which may have to be started
	Load        Phase = "load"    // a worker loads the module; also ahead of attempts
	Instantiate Phase = "instantiate"
	Run         Phase = "run"
	Teardown    Phase = "teardown" // until the worker is gone, or given back
)

// Phases are all phases.
var Phases = []Phase{Prepare, Queue, TakeWorker, Load, Instantiate, Run, Teardown}

// traps are the kinds of traps. What a worker calls otherwise is other.
var traps = []wire.TrapKind{
	wire.TrapUnreachable, wire.TrapMemory, wire.TrapTable, wire.TrapNull, wire.TrapIndirectType, wire.TrapDivision,
	wire.TrapOverflow, wire.TrapConversion, wire.TrapStack, wire.TrapUnalignedAtomic, wire.TrapOther,
}

func closed(k wire.TrapKind) wire.TrapKind {
	if slices.Contains(traps, k) {
		return k
	}
	return wire.TrapOther
}
