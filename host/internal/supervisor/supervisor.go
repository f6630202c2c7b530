package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// Options are the settings of a Supervisor. Journal, Executor and Index are required.
type Options struct {
	Journal  Journal
	Executor Executor
	Index    Index
	Epoch    string         // of the journal; part of every resource version
	Count    event.Counters // of the journal, to be gone on from

	Permits   int // attempts at one time; 0 means no limit
	Window    int // tasks built ahead of their permit; 0 means 64
	SlotQueue int // tasks that wait for one slot; 0 means 100, negative means none
}

// Defaults of Options.
const (
	DefaultWindow    = 64
	DefaultSlotQueue = 100
)

// A Supervisor runs tasks. Its methods may be called from any goroutine.
type Supervisor struct {
	journal  Journal
	executor Executor

	inbox chan input    // only run receives
	quit  chan struct{} // closed when run is to end
	done  chan struct{} // closed when run has ended
	live  live

	durable atomic.Uint64 // steps whose units are durable

	shutdown sync.Once
	result   error // of the shutdown; to be read after done
}

// New starts a Supervisor. It runs nothing that was not submitted to it or given to Restore.
func New(o Options) *Supervisor {
	o.Window = cmp.Or(o.Window, DefaultWindow)
	o.SlotQueue = cmp.Or(o.SlotQueue, DefaultSlotQueue)
	s := &Supervisor{
		journal: o.Journal, executor: o.Executor,
		inbox: make(chan input, 256), quit: make(chan struct{}), done: make(chan struct{}),
		live: newLive(),
	}
	m := newMachine(limits{permits: o.Permits, window: o.Window, slotQueue: max(o.SlotQueue, 0)}, o.Epoch, o.Count, o.Index)
	m.room = o.Executor.Room
	go s.run(m)
	return s
}

// run is the controller: nobody else touches m.
func (s *Supervisor) run(m *machine) {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if at, ok := m.nextTick(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Reset(time.Hour)
		}
		select {
		case in := <-s.inbox:
			s.decide(m, in)
		case <-timer.C:
			s.decide(m, tick{})
		case <-s.quit:
			return
		}
	}
}

// decide lets the machine take one step and hands on what it decided.
func (s *Supervisor) decide(m *machine, in input) {
	out := m.step(in, time.Now(), rand.Float64(), s.durable.Load())
	step := m.units
	for _, f := range out.atOnce { // before what follows takes the place of what they end
		f.perform(s, nil)
	}
	for _, f := range out.effects {
		if p, ok := f.(interface{ prepare(*Supervisor) }); ok {
			p.prepare(s)
		}
	}
	if len(out.effects) == 0 && len(out.records) == 0 {
		return
	}
	s.journal.Append(out.records, func(err error) {
		if err == nil {
			s.durable.Store(step)
		}
		for _, f := range out.effects {
			f.perform(s, err)
		}
	})
}

// send hands an input to the controller. It reports false when the controller has ended.
func (s *Supervisor) send(in input) bool {
	select {
	case s.inbox <- in:
		return true
	case <-s.done:
		return false
	}
}

// ask hands over an input that is answered on to, and waits for the answer. When ctx ends, the wait
// ends, not what was asked for.
func (s *Supervisor) ask(ctx context.Context, in input, to <-chan answer) answer {
	if !s.send(in) {
		return answer{err: task.ErrClosed}
	}
	select {
	case a := <-to:
		return a
	case <-ctx.Done():
		return answer{err: context.Cause(ctx)}
	case <-s.done:
		select {
		case a := <-to:
			return a
		default:
			return answer{err: task.ErrClosed}
		}
	}
}

// Restore takes up the tasks that were not over when the host went down. Nothing of their last runs
// may be alive any more. It is called once, before the first Submit, and returns when what follows
// from the loss is durable.
func (s *Supervisor) Restore(ctx context.Context, tasks []Restored, keys []event.Key) error {
	to := make(chan answer, 1)
	return s.ask(ctx, restore{tasks: tasks, keys: keys, to: to}, to).err
}

// A Submission asks for a new task.
type Submission struct {
	Task   *task.Task // validated. Its UID, generation and status are made here, and its name if it has none
	Key    *event.Key // makes repetition harmless; nil means that every call is new
	System bool       // a task of the host's own
	Repeat bool       // accept nothing: answer only what repeats an earlier submission
}

// Submit accepts a task and returns it as stored; it is durable then. It may have been rejected in
// the same step, which its outcome tells. If the submission repeats an earlier one whose task is over, the
// result is the earlier one's key instead; with Repeat it may be neither. Errors wrap task.ErrExists, ErrQueueFull, ErrKeyReused or ErrClosed, and then
// nothing was stored; an error of ctx leaves that open.
func (s *Supervisor) Submit(ctx context.Context, sub Submission) (*task.Task, *event.Key, error) {
	to := make(chan answer, 1)
	a := s.ask(ctx, submit{task: sub.Task, key: sub.Key, system: sub.System, repeat: sub.Repeat, to: to}, to)
	return a.task, a.key, a.err
}

// A Change asks for a task to be as given.
type Change struct {
	Task    *task.Task // validated, with a name
	UID     task.UID   // only this incarnation; zero means any
	Version string     // only this resource version; empty means any
	Base    *task.Task // the finished task of that name, if there is one
	Adopt   bool       // an embedded task: it takes over the finished record of its name and runs in any case
	System  bool       // a task of the host's own
}

// Apply creates the task or changes the one of that name, and says which. ErrStale asks the caller to
// read the finished task again.
func (s *Supervisor) Apply(ctx context.Context, c Change) (*task.Task, task.Applied, error) {
	to := make(chan answer, 1)
	a := s.ask(ctx, apply{task: c.Task, uid: c.UID, version: c.Version, base: c.Base, adopt: c.Adopt, system: c.System, to: to}, to)
	return a.task, a.how, a.err
}

// Cancel asks a task to end, and returns when that intent is durable. Canceling a task that is over
// changes nothing.
func (s *Supervisor) Cancel(ctx context.Context, name task.Name, uid task.UID) error {
	to := make(chan answer, 1)
	return s.ask(ctx, stop{name: name, uid: uid, reason: task.ReasonCanceled, to: to}, to).err
}

// Delete cancels a task and forgets it, its runs and its output, once it is over. Gone says that this
// has happened already; otherwise the intent is durable.
func (s *Supervisor) Delete(ctx context.Context, name task.Name, uid task.UID) (gone bool, err error) {
	to := make(chan answer, 1)
	a := s.ask(ctx, stop{name: name, uid: uid, reason: task.ReasonDeleted, to: to}, to)
	return a.gone, a.err
}

// Forget drops finished tasks and the runs that the Pruned records name. Tasks that live again by now
// are left alone.
func (s *Supervisor) Forget(ctx context.Context, remove []*task.Task, prune []event.Record) error {
	to := make(chan answer, 1)
	return s.ask(ctx, forgetFinished{remove: remove, prune: prune, to: to}, to).err
}

// RunnersChanged says that a runner may be ready that was not.
func (s *Supervisor) RunnersChanged() { s.send(runnersChanged{}) }

// Shutdown stops: it takes no more submissions, starts nothing, and asks what runs to end. Tasks keep
// their places; those whose attempts were stopped count them as lost with the host. When ctx ends
// before the last attempt, the error is a [*StragglersError]. All calls share one shutdown.
func (s *Supervisor) Shutdown(ctx context.Context) error {
	s.shutdown.Do(func() {
		taken := make(chan struct{})
		s.send(shutDown{taken})
		<-taken // from here on nothing begins
		s.result = s.live.wait(ctx)
		if s.result != nil {
			names := make(chan []task.Name, 1)
			s.send(abandon{names})
			s.result = &StragglersError{Names: <-names}
		}
		flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushGrace)
		defer cancel()
		s.result = errors.Join(s.result, s.flush(flushing))
		close(s.quit)
	})
	<-s.done
	return s.result
}

// flushGrace is how long the disk has for the last records of a shutdown, in a hurry too.
const flushGrace = 5 * time.Second

// flush waits until everything that was decided is durable, or ctx ends.
func (s *Supervisor) flush(ctx context.Context) error {
	to := make(chan answer, 1)
	s.send(barrier{to})
	select {
	case a := <-to:
		if a.err != nil {
			return fmt.Errorf("the last records are not on disk: %w", a.err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the last records may not be on disk: %w", context.Cause(ctx))
	}
}

// barrier is the input that is answered when everything before it is durable.
type barrier struct{ to chan<- answer }

func (in barrier) apply(m *machine) { m.effect(reply{to: in.to}) }

// A StragglersError names the tasks whose attempts did not end within the grace of a shutdown.
type StragglersError struct{ Names []task.Name }

// Error names the tasks.
func (e *StragglersError) Error() string {
	names := make([]string, len(e.Names))
	for i, n := range e.Names {
		names[i] = string(n)
	}
	return fmt.Sprintf("%d attempts did not end within the grace: %s", len(names), strings.Join(names, ", "))
}
