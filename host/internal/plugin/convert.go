package plugin

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/soltihq/solti-host/host/task"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// toWire returns a task as plugins see it: without status.
func toWire(t *task.Task) *taskv1.Task {
	m, s := &t.Metadata, &t.Spec
	w := &taskv1.Task{
		Metadata: &taskv1.Metadata{
			Name: string(m.Name), Uid: m.UID.String(), Generation: m.Generation, ResourceVersion: m.ResourceVersion,
			CreationTimestamp: wireTime(m.CreationTimestamp), DeletionTimestamp: wireTime(m.DeletionTimestamp),
			Labels: m.Labels, Annotations: m.Annotations,
		},
		Spec: &taskv1.Spec{
			Slot: string(s.Slot),
			Workload: &taskv1.Workload{
				ApiVersion: s.Workload.APIVersion, Kind: s.Workload.Kind, SpecJson: s.Workload.Spec,
			},
			Timeout: wireDuration(s.Timeout), StartTimeout: wireDuration(s.StartTimeout),
			Restart:   wireRestart(s.Restart),
			Admission: wireAdmission(s.Admission),
			Backoff:   wireBackoff(s.Backoff),
		},
	}
	if s.MaxRetries != nil && *s.MaxRetries > 0 {
		w.Spec.MaxRetries = uint32(*s.MaxRetries) //nolint:gosec // validated
	}
	if s.RunnerSelector != nil {
		w.Spec.RunnerSelector = wireSelector(s.RunnerSelector)
	}
	return w
}

func wireTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func wireDuration(d task.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d.D())
}

func wireRestart(r task.Restart) *taskv1.Restart {
	if r == (task.Restart{}) {
		return nil
	}
	w := &taskv1.Restart{Interval: wireDuration(r.Interval)}
	switch r.Policy {
	case task.Never:
		w.Policy = taskv1.RestartPolicy_RESTART_POLICY_NEVER
	case task.OnFailure:
		w.Policy = taskv1.RestartPolicy_RESTART_POLICY_ON_FAILURE
	case task.Always:
		w.Policy = taskv1.RestartPolicy_RESTART_POLICY_ALWAYS
	}
	return w
}

func wireAdmission(a task.Admission) taskv1.Admission {
	switch a {
	case task.DropIfRunning:
		return taskv1.Admission_ADMISSION_DROP_IF_RUNNING
	case task.Queue:
		return taskv1.Admission_ADMISSION_QUEUE
	case task.Replace:
		return taskv1.Admission_ADMISSION_REPLACE
	default:
		return taskv1.Admission_ADMISSION_UNSPECIFIED
	}
}

func wireBackoff(b *task.Backoff) *taskv1.Backoff {
	if b == nil {
		return nil
	}
	w := &taskv1.Backoff{First: wireDuration(b.First), Max: wireDuration(b.Max), Factor: b.Factor}
	switch b.Jitter {
	case task.NoJitter:
		w.Jitter = taskv1.Jitter_JITTER_NONE
	case task.Full:
		w.Jitter = taskv1.Jitter_JITTER_FULL
	case task.Equal:
		w.Jitter = taskv1.Jitter_JITTER_EQUAL
	case task.Decorrelated:
		w.Jitter = taskv1.Jitter_JITTER_DECORRELATED
	}
	return w
}

func wireSelector(s *task.Selector) *taskv1.Selector {
	w := &taskv1.Selector{MatchLabels: s.MatchLabels}
	for _, r := range s.MatchExpressions {
		w.MatchExpressions = append(w.MatchExpressions, &taskv1.Requirement{
			Key: r.Key, Operator: string(r.Operator), Values: r.Values,
		})
	}
	return w
}
