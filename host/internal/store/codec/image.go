package codec

import (
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// An Image is what of a task changes without its metadata or spec changing.
type Image struct {
	ResourceVersion string
	Deletion        time.Time
	Status          task.Status
	Book            event.Book
}

// ImageOf returns the image of a task.
func ImageOf(t *task.Task, b *event.Book) Image {
	return Image{
		ResourceVersion: t.Metadata.ResourceVersion,
		Deletion:        t.Metadata.DeletionTimestamp,
		Status:          t.Status,
		Book:            *b,
	}
}

// Apply sets what m says in t.
func (m *Image) Apply(t *task.Task) {
	t.Metadata.ResourceVersion = m.ResourceVersion
	t.Metadata.DeletionTimestamp = m.Deletion
	t.Status = m.Status
}

// The fields of an image.
const (
	imageVersion    number = 1
	imageDeletion   number = 2
	imageGeneration number = 3
	imagePhase      number = 4
	imageAttempt    number = 5
	imageRunner     number = 6
	imageRunID      number = 7
	imageExitCode   number = 8
	imageSignal     number = 9
	imageError      number = 10
	imageNextAt     number = 11
	imageWaiting    number = 12
	imageOutcome    number = 13

	imageRevision number = 20
	imageOrder    number = 21
	imageFlags    number = 22
	imageStreak   number = 23
	imageLosses   number = 24
	imageStop     number = 25
	imageSlot     number = 26
)

// The flags of a book.
const (
	flagHead = 1 << iota
	flagOwner
	flagSystem
)

// AppendImage appends the payload of an image.
func AppendImage(b []byte, m *Image) []byte {
	s := &m.Status
	b = putText(b, imageVersion, m.ResourceVersion)
	b = putTime(b, imageDeletion, m.Deletion)
	b = putInt(b, imageGeneration, s.ObservedGeneration)
	b = putText(b, imagePhase, s.Phase)
	b = putInt(b, imageAttempt, s.Attempt)
	b = putText(b, imageRunner, s.Runner)
	b = putText(b, imageRunID, s.RunID)
	b = putOptional(b, imageExitCode, s.ExitCode)
	b = putText(b, imageSignal, s.Signal)
	b = putFailure(b, imageError, s.Error)
	b = putTime(b, imageNextAt, s.NextAt)
	b = putText(b, imageWaiting, s.Waiting)
	b = putOutcome(b, imageOutcome, s.Outcome)
	return appendBook(b, &m.Book)
}

func appendBook(b []byte, k *event.Book) []byte {
	var flags uint64
	if k.Head {
		flags |= flagHead
	}
	if k.Owner {
		flags |= flagOwner
	}
	if k.System {
		flags |= flagSystem
	}
	b = putUint(b, imageRevision, k.Revision)
	b = putUint(b, imageOrder, k.Order)
	b = putUint(b, imageFlags, flags)
	b = putInt(b, imageStreak, k.Streak)
	b = putInt(b, imageLosses, k.Losses)
	b = putText(b, imageStop, k.Stop)
	return putText(b, imageSlot, k.Slot)
}

// DecodeImage reads the payload of an image.
func DecodeImage(payload []byte) (*Image, error) {
	m := new(Image)
	err := each(payload, m.field)
	return m, err
}

func (m *Image) field(f *field) error {
	s := &m.Status
	var err error
	switch f.num {
	case imageVersion:
		m.ResourceVersion = f.string()
	case imageDeletion:
		m.Deletion = f.time()
	case imageGeneration:
		s.ObservedGeneration = int64(f.val)
	case imagePhase:
		s.Phase = task.Phase(f.string())
	case imageAttempt:
		s.Attempt = f.int()
	case imageRunner:
		s.Runner = f.string()
	case imageRunID:
		s.RunID = task.RunID(f.string())
	case imageExitCode:
		s.ExitCode = f.optional()
	case imageSignal:
		s.Signal = f.string()
	case imageError:
		s.Error, err = decodeFailure(f.text)
	case imageNextAt:
		s.NextAt = f.time()
	case imageWaiting:
		s.Waiting = f.string()
	case imageOutcome:
		s.Outcome, err = decodeOutcome(f.text)
	default:
		m.bookField(f)
	}
	return err
}

func (m *Image) bookField(f *field) {
	k := &m.Book
	switch f.num {
	case imageRevision:
		k.Revision = f.val
	case imageOrder:
		k.Order = f.val
	case imageFlags:
		k.Head, k.Owner, k.System = f.val&flagHead != 0, f.val&flagOwner != 0, f.val&flagSystem != 0
	case imageStreak:
		k.Streak = f.int()
	case imageLosses:
		k.Losses = f.int()
	case imageStop:
		k.Stop = task.Reason(f.string())
	case imageSlot:
		k.Slot = task.Slot(f.string())
	}
}

func putOutcome(b []byte, n number, o *task.Outcome) []byte {
	if o == nil {
		return b
	}
	b, start := open(b, n)
	b = putText(b, 1, o.Kind)
	b = putText(b, 2, o.Reason)
	b = putText(b, 3, o.Message)
	b = putTime(b, 4, o.FinishedAt)
	return shut(b, start)
}

func decodeOutcome(b []byte) (*task.Outcome, error) {
	o := new(task.Outcome)
	return o, each(b, func(f *field) error {
		switch f.num {
		case 1:
			o.Kind = task.OutcomeKind(f.string())
		case 2:
			o.Reason = task.Reason(f.string())
		case 3:
			o.Message = f.string()
		case 4:
			o.FinishedAt = f.time()
		}
		return nil
	})
}

func putFailure(b []byte, n number, e *task.Failure) []byte {
	if e == nil {
		return b
	}
	b, start := open(b, n)
	b = putText(b, 1, e.Reason)
	b = putText(b, 2, e.Message)
	for _, v := range e.Violations {
		var at int
		b, at = open(b, 3)
		b = putText(b, 1, v.Path)
		b = putText(b, 2, v.Message)
		b = shut(b, at)
	}
	return shut(b, start)
}

func decodeFailure(b []byte) (*task.Failure, error) {
	e := new(task.Failure)
	return e, each(b, func(f *field) error {
		switch f.num {
		case 1:
			e.Reason = task.Reason(f.string())
		case 2:
			e.Message = f.string()
		case 3:
			return decodeViolation(f.text, e)
		}
		return nil
	})
}

func decodeViolation(b []byte, e *task.Failure) error {
	var v task.FieldError
	err := each(b, func(f *field) error {
		switch f.num {
		case 1:
			v.Path = f.string()
		case 2:
			v.Message = f.string()
		}
		return nil
	})
	e.Violations = append(e.Violations, v)
	return err
}
