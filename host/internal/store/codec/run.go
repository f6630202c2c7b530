package codec

import "github.com/soltihq/solti-host/host/task"

// The fields of a run.
const (
	runAttempt    number = 1
	runGeneration number = 2
	runID         number = 3
	runRunner     number = 4
	runWorkload   number = 5
	runPhase      number = 6
	runStartedAt  number = 7
	runFinishedAt number = 8
	runExitCode   number = 9
	runSignal     number = 10
	runError      number = 11
	runStdout     number = 12
	runStderr     number = 13
	runDropped    number = 14
	runOutputRef  number = 15
	runFacts      number = 16
	runImage      number = 30
)

// AppendRun appends the payload of a run, with the image of its task if m is not nil.
func AppendRun(b []byte, r *task.Run, m *Image) []byte {
	b = putInt(b, runAttempt, r.Attempt)
	b = putInt(b, runGeneration, r.Generation)
	b = putText(b, runID, r.RunID)
	b = putText(b, runRunner, r.Runner)
	b = putText(b, runWorkload, r.Workload)
	b = putText(b, runPhase, r.Phase)
	b = putTime(b, runStartedAt, r.StartedAt)
	b = putTime(b, runFinishedAt, r.FinishedAt)
	b = putOptional(b, runExitCode, r.ExitCode)
	b = putText(b, runSignal, r.Signal)
	b = putFailure(b, runError, r.Error)
	b = putInt(b, runStdout, r.StdoutBytes)
	b = putInt(b, runStderr, r.StderrBytes)
	b = putInt(b, runDropped, r.Dropped)
	b = putText(b, runOutputRef, r.OutputRef)
	b = putMap(b, runFacts, r.Facts)
	if m == nil {
		return b
	}
	b, start := open(b, runImage)
	return shut(AppendImage(b, m), start)
}

// DecodeRun reads the payload of a run.
func DecodeRun(payload []byte) (task.Run, error) {
	var r task.Run
	err := each(payload, func(f *field) error { return runField(&r, f) })
	return r, err
}

func runField(r *task.Run, f *field) error {
	var err error
	switch f.num {
	case runAttempt:
		r.Attempt = f.int()
	case runGeneration:
		r.Generation = int64(f.val)
	case runID:
		r.RunID = task.RunID(f.string())
	case runRunner:
		r.Runner = f.string()
	case runWorkload:
		r.Workload = f.string()
	case runPhase:
		r.Phase = task.Phase(f.string())
	case runStartedAt:
		r.StartedAt = f.time()
	case runFinishedAt:
		r.FinishedAt = f.time()
	case runExitCode:
		r.ExitCode = f.optional()
	case runSignal:
		r.Signal = f.string()
	case runError:
		r.Error, err = decodeFailure(f.text)
	case runStdout:
		r.StdoutBytes = int64(f.val)
	case runStderr:
		r.StderrBytes = int64(f.val)
	case runDropped:
		r.Dropped = int64(f.val)
	case runOutputRef:
		r.OutputRef = f.bytes()
	case runFacts:
		err = f.entry(&r.Facts)
	}
	return err
}

// RunImage returns the image that the payload of a run carries, or nil if it carries none.
func RunImage(payload []byte) (*Image, error) {
	var m *Image
	err := each(payload, func(f *field) (err error) {
		if f.num == runImage {
			m, err = DecodeImage(f.text)
		}
		return err
	})
	return m, err
}
