package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// A submitter asks for one thing after the other, chosen by its dice, and writes down the answers.
// Names belong to one submitter; slots are shared.
type submitter struct {
	*world
	number    int
	dice      *rand.Rand
	serial    int
	ordered   int // tasks for the slot that is served in order
	names     []task.Name
	keys      []keyed
	ops       []oracle.Op
	intents   []oracle.Intent
	followers *followers
}

// keyed is a submission that can be repeated.
type keyed struct {
	key string
	p   payload
}

// requestLimit bounds one request.
const requestLimit = 20 * time.Second

// pause is the longest time between two requests of a submitter.
const pause = 80 * time.Millisecond

// run asks until ctx ends. A request that is on its way then is still answered.
func (s *submitter) run(ctx context.Context) {
	for ctx.Err() == nil {
		op := s.next()
		d := time.Duration(s.dice.Int64N(int64(pause)))
		if op.Reason == noHost || op.Reason == task.ReasonNotReady {
			d = 20 * time.Millisecond
		}
		wait(ctx, d)
	}
}

// next makes one request.
func (s *submitter) next() *oracle.Op {
	switch n := s.dice.IntN(100); {
	case n < 8:
		return s.submitOrdered()
	case n < 42:
		return s.create(s.payload(""), "")
	case n < 50:
		s.serial++
		return s.create(s.payload(task.Name(fmt.Sprintf("s%d-task-%d", s.number, s.serial))), "")
	case n < 58:
		k := keyed{fmt.Sprintf("key-%s-%d-%d", s.Mark, s.number, len(s.keys)), s.payload("")}
		if s.dice.IntN(2) == 0 {
			k.p.name = task.Name(fmt.Sprintf("s%d-key-%d", s.number, len(s.keys)))
		}
		s.keys = append(s.keys, k)
		return s.create(k.p, k.key)
	case n < 66 && len(s.keys) > 0:
		k := s.keys[len(s.keys)-1-s.dice.IntN(min(len(s.keys), 5))]
		return s.create(k.p, k.key)
	case n < 78:
		return s.apply(s.pooled())
	case n < 84:
		return s.cancel()
	case n < 90:
		return s.delete()
	default:
		return s.get(s.recent())
	}
}

// pooled returns a payload for one of the names that live on for long.
func (s *submitter) pooled() payload {
	p := s.payload(task.Name(fmt.Sprintf("s%d-pool-%d", s.number, s.dice.IntN(6))))
	if s.dice.IntN(3) == 0 {
		p.Policy, p.MaxRetries = task.Always, nil
		p.interval = time.Duration(100+s.dice.IntN(400)) * time.Millisecond
		p.spec.Backoff = backoff()
		p.Fails, p.code = false, 0
	}
	return p
}

// payload returns one of many kinds.
func (s *submitter) payload(name task.Name) payload {
	s.serial++
	p := payload{
		name: name, manner: plain,
		Intent: oracle.Intent{ID: fmt.Sprintf("s%d-%d", s.number, s.serial), Policy: task.Never, Lines: s.dice.IntN(12)},
		work:   time.Duration(s.dice.IntN(150)) * time.Millisecond,
	}
	if s.dice.IntN(4) == 0 {
		p.work = 0
	}
	if s.dice.IntN(25) == 0 {
		p.Lines = 4000 // more than fits into a shared segment
	}
	s.place(&p)
	s.fate(&p)
	if n := s.dice.IntN(12); n < 3 {
		p.manner = []string{stubborn, tree, hidden}[n]
	}
	return p
}

// place chooses slot and admission.
func (s *submitter) place(p *payload) {
	n := s.dice.IntN(3)
	switch s.dice.IntN(6) {
	case 0, 1:
		p.Slot, p.spec.Admission = task.Slot(fmt.Sprintf("own-%s", p.ID)), task.DropIfRunning
	case 2:
		p.Slot, p.spec.Admission = task.Slot(fmt.Sprintf("queue-%d", n)), task.Queue
	case 3:
		p.Slot, p.spec.Admission = task.Slot(fmt.Sprintf("replace-%d", n)), task.Replace
	case 4:
		p.Slot, p.spec.Admission = task.Slot(fmt.Sprintf("drop-%d", n)), task.DropIfRunning
	default:
		p.Slot = task.Slot(fmt.Sprintf("mixed-%d", n))
		p.spec.Admission = []task.Admission{task.DropIfRunning, task.Queue, task.Replace}[s.dice.IntN(3)]
	}
}

// fate chooses how attempts end and what follows.
func (s *submitter) fate(p *payload) {
	switch s.dice.IntN(10) {
	case 0: // fails
		p.code, p.until, p.Fails = 1+s.dice.IntN(100), 1<<30, true
	case 1: // fails, is retried and fails
		retries := 1 + s.dice.IntN(3)
		p.Policy, p.MaxRetries, p.spec.Backoff = task.OnFailure, &retries, backoff()
		p.code, p.until, p.Fails = 7, 1<<30, true
	case 2, 3: // is retried until it succeeds
		p.Policy, p.spec.Backoff = task.OnFailure, backoff()
		p.code, p.until = 3, s.dice.IntN(3)
	case 4: // takes too long
		p.spec.Timeout, p.work = task.Duration(50*time.Millisecond), 30*time.Second
	}
}

// submitOrdered submits to the submitter's own slot that is served in the order of submission.
func (s *submitter) submitOrdered() *oracle.Op {
	s.serial++
	s.ordered++
	return s.create(payload{
		Intent: oracle.Intent{
			ID: fmt.Sprintf("s%d-%d", s.number, s.serial), Slot: task.Slot(fmt.Sprintf("fifo-%d", s.number)),
			Policy: task.Never, Lines: 1, Order: s.ordered,
		},
		work: 10 * time.Millisecond, manner: plain, spec: task.Spec{Admission: task.Queue},
	}, "")
}

// ask makes a request and writes it down. Call fills in what an acknowledgement shows.
func (s *submitter) ask(op oracle.Op, call func(ctx context.Context, op *oracle.Op) error) *oracle.Op {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit) // the request outlives the end of the test's load
	defer cancel()
	op.Life = int(s.life.Load())
	op.Answer, op.Reason = s.answerTo(call(ctx, &op))
	if op.Reason == noHost && op.Key != "" {
		// net/http sends again by itself what has a key: an earlier host may have taken it.
		op.Answer = oracle.Unknown
	}
	if op.Answer == oracle.Refused && (op.Reason == noHost || op.Reason == task.ReasonNotReady) {
		return &op // nobody was asked
	}
	s.ops = append(s.ops, op)
	if op.Answer != oracle.Refused && op.Name != "" {
		s.names = append(s.names, op.Name)
	}
	return &op
}

func (s *submitter) create(p payload, key string) *oracle.Op {
	s.intents = append(s.intents, p.Intent)
	op := s.ask(oracle.Op{Kind: oracle.Create, Name: p.name, Spec: p.ID, Key: key}, func(ctx context.Context, op *oracle.Op) error {
		t, err := s.client.Create(ctx, p.task(s.payloads()), client.CreateOptions{IdempotencyKey: key})
		return shows(op, t, err)
	})
	if op.Answer == oracle.Done && s.dice.IntN(20) == 0 {
		s.followers.follow(op.Name, op.UID)
	}
	return op
}

func (s *submitter) apply(p payload) *oracle.Op {
	s.intents = append(s.intents, p.Intent)
	return s.ask(oracle.Op{Kind: oracle.Apply, Name: p.name, Spec: p.ID}, func(ctx context.Context, op *oracle.Op) error {
		t, how, err := s.client.Apply(ctx, p.task(s.payloads()), client.ApplyOptions{})
		op.How = how
		return shows(op, t, err)
	})
}

// cancel cancels, and looks how far the task was.
func (s *submitter) cancel() *oracle.Op {
	name := s.recent()
	op := s.ask(oracle.Op{Kind: oracle.Cancel, Name: name}, func(ctx context.Context, op *oracle.Op) error {
		return s.client.Cancel(ctx, name, task.UID{})
	})
	if op.Answer == oracle.Done {
		s.get(name)
	}
	return op
}

func (s *submitter) delete() *oracle.Op {
	name := s.recent()
	return s.ask(oracle.Op{Kind: oracle.Delete, Name: name}, func(ctx context.Context, op *oracle.Op) (err error) {
		op.Gone, err = s.client.Delete(ctx, name, task.UID{})
		return err
	})
}

func (s *submitter) get(name task.Name) *oracle.Op {
	return s.ask(oracle.Op{Kind: oracle.Get, Name: name}, func(ctx context.Context, op *oracle.Op) error {
		t, err := s.client.Get(ctx, name)
		return shows(op, t, err)
	})
}

// recent returns one of the names of late, or of those that live on.
func (s *submitter) recent() task.Name {
	if len(s.names) == 0 || s.dice.IntN(3) == 0 {
		return task.Name(fmt.Sprintf("s%d-pool-%d", s.number, s.dice.IntN(6)))
	}
	return s.names[len(s.names)-1-s.dice.IntN(min(len(s.names), 20))]
}

// shows notes what an acknowledgement shows of a task.
func shows(op *oracle.Op, t *task.Task, err error) error {
	if err != nil {
		return err
	}
	op.Name, op.UID, op.Generation = t.Metadata.Name, t.Metadata.UID, t.Metadata.Generation
	op.Seen, op.Attempt, op.Over = t.Metadata.Labels[oracle.SpecLabel], t.Status.Attempt, t.Status.Done()
	return nil
}
