package codec

import (
	"math"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// The fields of a task. Its UID is the key.
const (
	taskName       number = 1
	taskGeneration number = 2
	taskCreated    number = 3
	taskLabel      number = 4
	taskSlot       number = 5
	taskImage      number = 6

	taskAPIVersion number = 10
	taskKind       number = 11
	taskAnnotation number = 12

	taskTimeout      number = 20
	taskStartTimeout number = 21
	taskRestart      number = 22
	taskInterval     number = 23
	taskBackoff      number = 24
	taskAdmission    number = 25
	taskMaxRetries   number = 26
	taskSelector     number = 27

	taskWorkloadVersion number = 30
	taskWorkloadKind    number = 31
	taskWorkloadSpec    number = 32
)

// AppendTask appends the payload of a task, with m as its image.
func AppendTask(b []byte, t *task.Task, m *Image) []byte {
	b = putText(b, taskName, t.Metadata.Name)
	b = putInt(b, taskGeneration, t.Metadata.Generation)
	b = putTime(b, taskCreated, t.Metadata.CreationTimestamp)
	b = putMap(b, taskLabel, t.Metadata.Labels)
	b = putText(b, taskSlot, t.Spec.Slot)
	b, start := open(b, taskImage)
	b = shut(AppendImage(b, m), start)
	if t.APIVersion != task.APIVersion {
		b = putPresent(b, taskAPIVersion, t.APIVersion)
	}
	if t.Kind != task.KindTask {
		b = putPresent(b, taskKind, t.Kind)
	}
	b = putMap(b, taskAnnotation, t.Metadata.Annotations)
	return appendSpec(b, &t.Spec)
}

func appendSpec(b []byte, s *task.Spec) []byte {
	b = putInt(b, taskTimeout, int64(s.Timeout))
	b = putInt(b, taskStartTimeout, int64(s.StartTimeout))
	b = putText(b, taskRestart, s.Restart.Policy)
	b = putInt(b, taskInterval, int64(s.Restart.Interval))
	b = putBackoff(b, s.Backoff)
	b = putText(b, taskAdmission, s.Admission)
	b = putOptional(b, taskMaxRetries, s.MaxRetries)
	b = putSelector(b, s.RunnerSelector)
	b = putText(b, taskWorkloadVersion, s.Workload.APIVersion)
	b = putText(b, taskWorkloadKind, s.Workload.Kind)
	return putText(b, taskWorkloadSpec, s.Workload.Spec)
}

// DecodeTask reads the payload of the task with that UID. With head, the task has, beside its status,
// only its name, labels, times and slot; what else there is is not looked at.
func DecodeTask(uid task.UID, payload []byte, head bool) (*task.Task, event.Book, error) {
	d := taskDecoder{task: &task.Task{APIVersion: task.APIVersion, Kind: task.KindTask}, head: head}
	d.task.Metadata.UID = uid
	err := each(payload, d.field)
	return d.task, d.book, err
}

type taskDecoder struct {
	task *task.Task
	book event.Book
	head bool
}

func (d *taskDecoder) field(f *field) error {
	m := &d.task.Metadata
	switch f.num {
	case taskName:
		m.Name = task.Name(f.string())
	case taskGeneration:
		m.Generation = int64(f.val)
	case taskCreated:
		m.CreationTimestamp = f.time()
	case taskLabel:
		return f.entry(&m.Labels)
	case taskSlot:
		d.task.Spec.Slot = task.Slot(f.string())
	case taskImage:
		image, err := DecodeImage(f.text)
		image.Apply(d.task)
		d.book = image.Book
		return err
	case taskAPIVersion:
		d.task.APIVersion = f.string()
	case taskKind:
		d.task.Kind = f.string()
	case taskAnnotation:
		if !d.head {
			return f.entry(&m.Annotations)
		}
	default:
		if !d.head {
			return specField(&d.task.Spec, f)
		}
	}
	return nil
}

func specField(s *task.Spec, f *field) error {
	var err error
	switch f.num {
	case taskTimeout:
		s.Timeout = task.Duration(f.val)
	case taskStartTimeout:
		s.StartTimeout = task.Duration(f.val)
	case taskRestart:
		s.Restart.Policy = task.RestartPolicy(f.string())
	case taskInterval:
		s.Restart.Interval = task.Duration(f.val)
	case taskBackoff:
		s.Backoff, err = decodeBackoff(f.text)
	case taskAdmission:
		s.Admission = task.Admission(f.string())
	case taskMaxRetries:
		s.MaxRetries = f.optional()
	case taskSelector:
		s.RunnerSelector, err = decodeSelector(f.text)
	case taskWorkloadVersion:
		s.Workload.APIVersion = f.string()
	case taskWorkloadKind:
		s.Workload.Kind = f.string()
	case taskWorkloadSpec:
		s.Workload.Spec = f.bytes()
	}
	return err
}

func putBackoff(b []byte, k *task.Backoff) []byte {
	if k == nil {
		return b
	}
	b, start := open(b, taskBackoff)
	b = putInt(b, 1, int64(k.First))
	b = putInt(b, 2, int64(k.Max))
	b = putFixed(b, 3, math.Float64bits(k.Factor))
	b = putText(b, 4, k.Jitter)
	return shut(b, start)
}

func decodeBackoff(b []byte) (*task.Backoff, error) {
	k := new(task.Backoff)
	return k, each(b, func(f *field) error {
		switch f.num {
		case 1:
			k.First = task.Duration(f.val)
		case 2:
			k.Max = task.Duration(f.val)
		case 3:
			k.Factor = math.Float64frombits(f.val)
		case 4:
			k.Jitter = task.Jitter(f.string())
		}
		return nil
	})
}

func putSelector(b []byte, s *task.Selector) []byte {
	if s == nil {
		return b
	}
	b, start := open(b, taskSelector)
	b = putMap(b, 1, s.MatchLabels)
	for _, r := range s.MatchExpressions {
		var at int
		b, at = open(b, 2)
		b = putText(b, 1, r.Key)
		b = putText(b, 2, r.Operator)
		for _, v := range r.Values {
			b = putPresent(b, 3, v)
		}
		b = shut(b, at)
	}
	return shut(b, start)
}

func decodeSelector(b []byte) (*task.Selector, error) {
	s := new(task.Selector)
	return s, each(b, func(f *field) error {
		switch f.num {
		case 1:
			return f.entry(&s.MatchLabels)
		case 2:
			return decodeRequirement(f.text, s)
		}
		return nil
	})
}

func decodeRequirement(b []byte, s *task.Selector) error {
	var r task.Requirement
	err := each(b, func(f *field) error {
		switch f.num {
		case 1:
			r.Key = f.string()
		case 2:
			r.Operator = task.Operator(f.string())
		case 3:
			r.Values = append(r.Values, f.string())
		}
		return nil
	})
	s.MatchExpressions = append(s.MatchExpressions, r)
	return err
}
