package plugin

import (
	"fmt"
	"math"
	"time"
	"unicode"

	"github.com/soltihq/solti-host/host/task"
	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// Bounds of what a frame may carry beside output.
const (
	maxExternalID = 256
	maxFacts      = 32
	maxFactName   = 64
	maxFactText   = 16 << 10 // names and values together
	maxToken      = 4 << 10
	maxEventText  = 4 << 10
	maxAttributes = 32
	maxSignal     = 32
	maxOffset     = math.MaxInt64 / 2 // bytes of a stream
)

// Frames checks the frames of one attempt against the contract.
type frames struct {
	seq     uint64
	started bool
	offset  [task.Stderr + 1]uint64 // bytes of each stream so far
	exited  *pluginv1.Exited
}

// take checks a frame and hands what it carries to the attempt's sink. An error says how the frame
// breaks the contract; nothing of it was handed over then. A frame of a kind that is not known counts
// and is skipped.
func (fs *frames) take(f *pluginv1.Frame, at *attempt) error {
	if f.GetSeq() != fs.seq+1 {
		return fmt.Errorf("frame %d follows frame %d", f.GetSeq(), fs.seq)
	}
	fs.seq++
	switch body := f.GetBody().(type) {
	case *pluginv1.Frame_Started:
		return fs.takeStarted(body.Started, at)
	case *pluginv1.Frame_Output:
		return fs.takeOutput(body.Output, timeOf(f), at)
	case *pluginv1.Frame_Gap:
		return fs.takeGap(body.Gap, at)
	case *pluginv1.Frame_Event:
		if at.events != nil {
			e := body.Event
			at.events.Event(bound(e.GetName(), maxWord), bound(e.GetMessage(), maxEventText), attributesOf(e), timeOf(f))
		}
	case *pluginv1.Frame_Stats:
		if at.events != nil {
			at.events.Stats(statsOf(body.Stats))
		}
	case *pluginv1.Frame_Exited:
		return fs.takeExited(body.Exited, at)
	}
	return nil
}

func (fs *frames) takeStarted(s *pluginv1.Started, at *attempt) error {
	switch {
	case fs.started:
		return fmt.Errorf("frame %d: a second Started", fs.seq)
	case len(s.GetExternalId()) > maxExternalID || len(s.GetRecoveryToken()) > maxToken:
		return fmt.Errorf("frame %d: the id or the token of Started is too long", fs.seq)
	}
	if err := checkFacts(s.GetFacts()); err != nil {
		return fmt.Errorf("frame %d: %w", fs.seq, err)
	}
	fs.started = true
	at.sink.Started(s.GetExternalId(), s.GetFacts())
	return nil
}

// checkFacts checks what is to be kept with the record of a run.
func checkFacts(facts map[string]string) error {
	if len(facts) > maxFacts {
		return fmt.Errorf("%d facts, at most %d are allowed", len(facts), maxFacts)
	}
	size := 0
	for name, value := range facts {
		if len(name) < 1 || len(name) > maxFactName {
			return fmt.Errorf("the name of a fact has %d bytes, 1 to %d are allowed", len(name), maxFactName)
		}
		size += len(name) + len(value)
	}
	if size > maxFactText {
		return fmt.Errorf("facts of %d bytes, at most %d are allowed", size, maxFactText)
	}
	return nil
}

func (fs *frames) takeOutput(o *pluginv1.Output, when time.Time, at *attempt) error {
	stream, err := fs.join(o.GetStream(), o.GetOffset())
	if err != nil {
		return err
	}
	n := len(o.GetData())
	if n == 0 || n > sdk.MaxChunk {
		return fmt.Errorf("frame %d: output of %d bytes, 1 to %d are allowed", fs.seq, n, sdk.MaxChunk)
	}
	before := fs.offset[stream]
	fs.offset[stream] += uint64(n) //nolint:gosec // not negative
	at.sink.Output(stream, int64(before), o.GetData(), when)
	return nil
}

func (fs *frames) takeGap(g *pluginv1.Gap, at *attempt) error {
	stream, err := fs.join(g.GetStream(), g.GetOffset())
	if err != nil {
		return err
	}
	before := fs.offset[stream]
	if g.GetBytes() == 0 || g.GetBytes() > maxOffset-before {
		return fmt.Errorf("frame %d: a gap of %d bytes", fs.seq, g.GetBytes())
	}
	fs.offset[stream] += g.GetBytes()
	at.sink.Gap(stream, int64(before), int64(g.GetBytes()), bound(g.GetReason(), maxEventText)) //nolint:gosec // bounded
	return nil
}

// join checks that a piece of a stream follows what came before.
func (fs *frames) join(s pluginv1.Stream, offset uint64) (task.Stream, error) {
	stream := task.Stdout
	switch s {
	case pluginv1.Stream_STREAM_STDOUT:
	case pluginv1.Stream_STREAM_STDERR:
		stream = task.Stderr
	default:
		return 0, fmt.Errorf("frame %d: there is no stream %d", fs.seq, s)
	}
	switch {
	case !fs.started:
		return 0, fmt.Errorf("frame %d: output before Started", fs.seq)
	case offset != fs.offset[stream] || offset > maxOffset:
		return 0, fmt.Errorf("frame %d: %s goes on at byte %d, after %d bytes", fs.seq, stream, offset, fs.offset[stream])
	}
	return stream, nil
}

func (fs *frames) takeExited(e *pluginv1.Exited, at *attempt) error {
	if _, ok := pluginv1.Result_name[int32(e.GetResult())]; !ok || e.GetResult() == pluginv1.Result_RESULT_UNSPECIFIED {
		return fmt.Errorf("frame %d: there is no result %d", fs.seq, e.GetResult())
	}
	if e.GetResult() == pluginv1.Result_RESULT_SUCCEEDED && !fs.started {
		return fmt.Errorf("frame %d: succeeded without Started", fs.seq)
	}
	for stream, total := range map[task.Stream]uint64{task.Stdout: e.GetStdoutBytes(), task.Stderr: e.GetStderrBytes()} {
		have := fs.offset[stream]
		switch {
		case total < have || total > maxOffset:
			return fmt.Errorf("frame %d: Exited counts %d bytes of %s, after %d", fs.seq, total, stream, have)
		case total > have:
			fs.offset[stream] = total
			at.sink.Gap(stream, int64(have), int64(total-have), "not sent by the plugin") //nolint:gosec // bounded
		}
	}
	fs.exited = e
	return nil
}

// exit returns the checked result.
func (fs *frames) exit() Exit {
	e := fs.exited
	x := Exit{
		Result: e.GetResult(), Signal: word(e.GetSignal()), Message: task.Truncate(e.GetMessage()), Permanent: e.GetPermanent(),
		Stdout: int64(fs.offset[task.Stdout]), Stderr: int64(fs.offset[task.Stderr]), //nolint:gosec // bounded
	}
	if e.ExitCode != nil {
		code := int(e.GetExitCode())
		x.ExitCode = &code
	}
	return x
}

// word returns s if it can be the name of a signal.
func word(s string) string {
	for _, r := range s {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '+' && r != '-' {
			return "unknown"
		}
	}
	return bound(s, maxSignal)
}

func timeOf(f *pluginv1.Frame) time.Time {
	if f.Time == nil || f.Time.CheckValid() != nil {
		return time.Now()
	}
	return f.Time.AsTime()
}

func attributesOf(e *pluginv1.Event) map[string]string {
	kept := make(map[string]string, min(len(e.GetAttributes()), maxAttributes))
	for k, v := range e.GetAttributes() {
		if len(kept) == maxAttributes {
			break
		}
		kept[bound(k, maxWord)] = bound(v, maxEventText)
	}
	return kept
}

func statsOf(s *pluginv1.Stats) Stats {
	stats := Stats{
		Memory: clampInt64(s.GetMemoryBytes()), MemoryPeak: clampInt64(s.GetMemoryPeakBytes()), Processes: int(s.GetProcesses()),
	}
	if s.GetCpuTime().CheckValid() == nil {
		stats.CPU = max(s.GetCpuTime().AsDuration(), 0)
	}
	return stats
}

func clampInt64(n uint64) int64 { return int64(min(n, math.MaxInt64)) } //nolint:gosec // clamped
