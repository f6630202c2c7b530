package api

import (
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/soltihq/solti-host/host/task"
	apiv1 "github.com/soltihq/solti-host/shared/proto/solti/api/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// A vocabulary pairs the words of package task with the numbers of an enum: the number of a word is
// its place, from 1. The empty word is UNSPECIFIED.
type vocabulary[W ~string] []W

var (
	policies   = vocabulary[task.RestartPolicy]{task.Never, task.OnFailure, task.Always}
	jitters    = vocabulary[task.Jitter]{task.NoJitter, task.Full, task.Equal, task.Decorrelated}
	admissions = vocabulary[task.Admission]{task.DropIfRunning, task.Queue, task.Replace}
	phases     = vocabulary[task.Phase](task.Phases)
	outcomes   = vocabulary[task.OutcomeKind](task.OutcomeKinds)
)

// number returns the enum's number of w; 0 for the empty word.
func (v vocabulary[W]) number(w W) int32 { return int32(slices.Index(v, w) + 1) } //nolint:gosec // a handful of words

// word returns the word of n, and notes at path when there is none.
func (v vocabulary[W]) word(n int32, path string, e *task.FieldErrors) W {
	if n == 0 {
		return ""
	}
	if n < 0 || int(n) > len(v) {
		e.Add(path, "the value %d is not known", n)
		return ""
	}
	return v[n-1]
}

// taskToWire returns t as gRPC sends it.
func taskToWire(t *task.Task) *taskv1.Task {
	return &taskv1.Task{Metadata: metadataToWire(&t.Metadata), Spec: specToWire(&t.Spec), Status: statusToWire(&t.Status)}
}

func metadataToWire(m *task.Metadata) *taskv1.Metadata {
	return &taskv1.Metadata{
		Name: string(m.Name), Uid: m.UID.String(), Generation: m.Generation, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: timeToWire(m.CreationTimestamp), DeletionTimestamp: timeToWire(m.DeletionTimestamp),
		Labels: m.Labels, Annotations: m.Annotations,
	}
}

func specToWire(s *task.Spec) *taskv1.Spec {
	w := &taskv1.Spec{
		Slot:     string(s.Slot),
		Workload: &taskv1.Workload{ApiVersion: s.Workload.APIVersion, Kind: s.Workload.Kind, SpecJson: s.Workload.Spec},
		Timeout:  durationToWire(s.Timeout), StartTimeout: durationToWire(s.StartTimeout),
		Admission:      taskv1.Admission(admissions.number(s.Admission)),
		RunnerSelector: selectorToWire(s.RunnerSelector),
	}
	if s.Restart != (task.Restart{}) {
		w.Restart = &taskv1.Restart{
			Policy:   taskv1.RestartPolicy(policies.number(s.Restart.Policy)),
			Interval: durationToWire(s.Restart.Interval),
		}
	}
	if b := s.Backoff; b != nil {
		w.Backoff = &taskv1.Backoff{
			First: durationToWire(b.First), Max: durationToWire(b.Max), Factor: b.Factor,
			Jitter: taskv1.Jitter(jitters.number(b.Jitter)),
		}
	}
	if s.MaxRetries != nil {
		w.MaxRetries = uint32(max(0, min(*s.MaxRetries, math.MaxInt32))) //nolint:gosec // bounded here
	}
	return w
}

func selectorToWire(s *task.Selector) *taskv1.Selector {
	if s == nil {
		return nil
	}
	w := &taskv1.Selector{MatchLabels: s.MatchLabels}
	for _, r := range s.MatchExpressions {
		w.MatchExpressions = append(w.MatchExpressions, &taskv1.Requirement{
			Key: r.Key, Operator: string(r.Operator), Values: r.Values,
		})
	}
	return w
}

func statusToWire(s *task.Status) *taskv1.Status {
	w := &taskv1.Status{
		ObservedGeneration: s.ObservedGeneration, Phase: taskv1.Phase(phases.number(s.Phase)),
		Attempt: count(s.Attempt), Runner: s.Runner, RunId: string(s.RunID), ExitCode: exitCodeToWire(s.ExitCode),
		Signal: s.Signal, Error: failureToWire(s.Error), NextAt: timeToWire(s.NextAt), Waiting: s.Waiting,
	}
	if o := s.Outcome; o != nil {
		w.Outcome = &taskv1.Outcome{
			Kind: taskv1.OutcomeKind(outcomes.number(o.Kind)), Reason: string(o.Reason),
			Message: o.Message, FinishedAt: timeToWire(o.FinishedAt),
		}
	}
	return w
}

// runToWire returns r as gRPC sends it.
func runToWire(r *task.Run) *taskv1.Run {
	return &taskv1.Run{
		Attempt: count(r.Attempt), Generation: r.Generation, RunId: string(r.RunID), Runner: r.Runner,
		Workload: r.Workload, Phase: string(r.Phase), StartedAt: timeToWire(r.StartedAt), FinishedAt: timeToWire(r.FinishedAt),
		ExitCode: exitCodeToWire(r.ExitCode), Signal: r.Signal, Error: failureToWire(r.Error),
		StdoutBytes: size(r.StdoutBytes), StderrBytes: size(r.StderrBytes), DroppedBytes: size(r.Dropped), Facts: r.Facts,
	}
}

func failureToWire(f *task.Failure) *taskv1.Failure {
	if f == nil {
		return nil
	}
	w := &taskv1.Failure{Reason: string(f.Reason), Message: f.Message}
	for _, v := range f.Violations {
		w.Violations = append(w.Violations, &taskv1.FieldViolation{Path: v.Path, Message: v.Message})
	}
	return w
}

// chunkToWire returns c as gRPC sends it.
func chunkToWire(c task.Chunk) *apiv1.StreamOutputResponse {
	w := &apiv1.StreamOutputResponse{Attempt: count(c.Attempt), Time: timeToWire(c.Time)}
	switch {
	case c.Ended != nil:
		w.Body = &apiv1.StreamOutputResponse_Ended{Ended: runToWire(c.Ended)}
	case c.Gap > 0:
		w.Body = &apiv1.StreamOutputResponse_Gap{Gap: &apiv1.OutputGap{
			Stream: c.Stream.String(), Offset: size(c.Offset), Bytes: size(c.Gap), Reason: c.Why,
		}}
	default:
		w.Body = &apiv1.StreamOutputResponse_Chunk{Chunk: &apiv1.OutputChunk{
			Stream: c.Stream.String(), Offset: size(c.Offset), Data: c.Data,
		}}
	}
	return w
}

// taskFromWire returns what a submitter wants, decoded and validated exactly as the same task in JSON.
func taskFromWire(w *taskv1.Task) (*task.Task, error) {
	var e task.FieldErrors
	t := &task.Task{APIVersion: task.APIVersion, Kind: task.KindTask}
	m := w.GetMetadata()
	t.Metadata = task.Metadata{Name: task.Name(m.GetName()), Labels: m.GetLabels(), Annotations: m.GetAnnotations()}
	t.Spec = specFromWire(w.GetSpec(), &e)
	if e != nil {
		return nil, e
	}
	b, err := t.JSON()
	if err != nil {
		// All but the workload's own fields is typed, and protobuf has checked that text is UTF-8.
		return nil, task.FieldErrors{{Path: "spec.workload.spec", Message: "must be one JSON object in UTF-8"}}
	}
	return task.Decode(b)
}

func specFromWire(s *taskv1.Spec, e *task.FieldErrors) task.Spec {
	t := task.Spec{
		Slot: task.Slot(s.GetSlot()),
		Workload: task.Workload{
			APIVersion: s.GetWorkload().GetApiVersion(), Kind: s.GetWorkload().GetKind(), Spec: s.GetWorkload().GetSpecJson(),
		},
		Timeout:      durationFromWire(s.GetTimeout(), "spec.timeout", e),
		StartTimeout: durationFromWire(s.GetStartTimeout(), "spec.startTimeout", e),
		Restart: task.Restart{
			Policy:   policies.word(int32(s.GetRestart().GetPolicy()), "spec.restart.policy", e),
			Interval: durationFromWire(s.GetRestart().GetInterval(), "spec.restart.interval", e),
		},
		Admission:      admissions.word(int32(s.GetAdmission()), "spec.admission", e),
		RunnerSelector: selectorFromWire(s.GetRunnerSelector()),
	}
	if b := s.GetBackoff(); b != nil {
		t.Backoff = &task.Backoff{
			First:  durationFromWire(b.GetFirst(), "spec.backoff.first", e),
			Max:    durationFromWire(b.GetMax(), "spec.backoff.max", e),
			Factor: b.GetFactor(),
			Jitter: jitters.word(int32(b.GetJitter()), "spec.backoff.jitter", e),
		}
		if math.IsNaN(t.Backoff.Factor) || math.IsInf(t.Backoff.Factor, 0) {
			e.Add("spec.backoff.factor", "must be finite")
		}
	}
	switch n := s.GetMaxRetries(); {
	case n > task.MaxRetries:
		e.Add("spec.maxRetries", "must be at most %d", task.MaxRetries)
	case n > 0:
		retries := int(n)
		t.MaxRetries = &retries
	}
	return t
}

func selectorFromWire(w *taskv1.Selector) *task.Selector {
	if w == nil {
		return nil
	}
	s := &task.Selector{MatchLabels: w.GetMatchLabels()}
	for _, r := range w.GetMatchExpressions() {
		s.MatchExpressions = append(s.MatchExpressions, task.Requirement{
			Key: r.GetKey(), Operator: task.Operator(r.GetOperator()), Values: r.GetValues(),
		})
	}
	return s
}

func durationToWire(d task.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d.D())
}

func durationFromWire(w *durationpb.Duration, path string, e *task.FieldErrors) task.Duration {
	if w == nil {
		return 0
	}
	d := w.AsDuration() // saturates
	if w.CheckValid() != nil || d == math.MaxInt64 || d == math.MinInt64 {
		e.Add(path, "must be a duration of at most 290 years")
	}
	return task.Duration(d)
}

func timeToWire(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func exitCodeToWire(code *int) *int32 {
	if code == nil {
		return nil
	}
	c := int32(*code) //nolint:gosec // exit codes are 32 bits at most
	return &c
}

// count returns n as the wire has it. It is never negative.
func count(n int) uint32 { return uint32(max(0, min(n, math.MaxInt32))) } //nolint:gosec // bounded here

// size returns n bytes as the wire has it. It is never negative.
func size(n int64) uint64 { return uint64(max(0, n)) } //nolint:gosec // bounded here
