package supervisor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// live is what goes on outside the machine: the contexts of attempts and builds.
type live struct {
	mu       sync.Mutex
	attempts map[task.UID]*doing // guarded by mu
	builds   map[task.UID]*doing // guarded by mu
	wg       *sync.WaitGroup     // of all of them
}

// doing is one attempt or build.
type doing struct {
	ctx  context.Context // of its goroutine alone
	stop context.CancelCauseFunc
}

func newLive() live {
	return live{attempts: map[task.UID]*doing{}, builds: map[task.UID]*doing{}, wg: new(sync.WaitGroup)}
}

func (l *live) add(to map[task.UID]*doing, uid task.UID) *doing {
	ctx, stop := context.WithCancelCause(context.Background())
	d := &doing{ctx, stop}
	l.mu.Lock()
	defer l.mu.Unlock()
	to[uid] = d
	l.wg.Add(1)
	return d
}

// end lets go of d, which is that of uid unless a later one has taken its place.
func (l *live) end(from map[task.UID]*doing, uid task.UID, d *doing) {
	d.stop(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	if from[uid] == d {
		delete(from, uid)
	}
	l.wg.Done()
}

func (l *live) interrupt(from map[task.UID]*doing, uid task.UID, reason task.Reason) {
	l.mu.Lock()
	d := from[uid]
	l.mu.Unlock()
	if d != nil {
		d.stop(&task.StopError{Reason: reason})
	}
}

// wait waits until nothing goes on, or ctx ends.
func (l *live) wait(ctx context.Context) error {
	idle := make(chan struct{})
	go func() {
		l.wg.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *build) prepare(s *Supervisor) { f.doing = s.live.add(s.live.builds, f.task.Metadata.UID) }

func (f *build) perform(s *Supervisor, err error) {
	uid := f.task.Metadata.UID
	if err != nil {
		s.live.end(s.live.builds, uid, f.doing)
		return
	}
	go func() {
		defer s.live.end(s.live.builds, uid, f.doing)
		runner, err := s.executor.Build(f.doing.ctx, f.task)
		s.send(buildDone{uid: uid, token: f.token, runner: runner, err: err})
	}()
}

func (f *launch) prepare(s *Supervisor) {
	f.doing = s.live.add(s.live.attempts, f.task.Metadata.UID)
}

func (f *launch) perform(s *Supervisor, err error) {
	uid := f.task.Metadata.UID
	if err != nil {
		s.live.end(s.live.attempts, uid, f.doing)
		return
	}
	go func() {
		defer s.live.end(s.live.attempts, uid, f.doing)
		s.send(ended{uid: uid, attempt: f.run.Attempt, result: s.attempt(f)})
	}()
}

// attempt makes one attempt, within its time.
func (s *Supervisor) attempt(f *launch) Result {
	d, spec := f.doing, &f.task.Spec
	startTimeout := spec.StartTimeout.D()
	if startTimeout == 0 {
		startTimeout = task.DefaultStartTimeout
	}
	expire := func() { d.stop(&task.StopError{Reason: task.ReasonTimeout}) }
	timer := time.AfterFunc(startTimeout, expire)
	defer func() { timer.Stop() }()
	var once sync.Once
	started := false
	told := func(facts map[string]string) {
		s.send(noted{uid: f.task.Metadata.UID, attempt: f.run.Attempt, facts: facts})
	}
	r := s.executor.Run(d.ctx, Attempt{Task: f.task, Run: f.run, Facts: told, Started: func() {
		once.Do(func() {
			started = true
			if timer.Stop() && spec.Timeout > 0 {
				timer.Reset(spec.Timeout.D())
			}
		})
	}})
	once.Do(func() {})
	return stopped(d.ctx, r, func() string {
		if started {
			return fmt.Sprintf("the attempt did not end within its timeout of %s", spec.Timeout)
		}
		return fmt.Sprintf("the attempt did not start within %s", startTimeout)
	})
}

// stopped gives a result that came after the attempt was asked to end the reason of that. A success
// stays one, and what was lost stays lost.
func stopped(ctx context.Context, r Result, late func() string) Result {
	why, ok := context.Cause(ctx).(*task.StopError) //nolint:errorlint // the cause is the error itself, never a wrapped one
	if !ok || r.End == policy.Success || r.End == policy.LostPlugin || r.End == policy.LostHost {
		return r
	}
	if why.Reason == task.ReasonTimeout {
		r.End = policy.TimedOut
		r.Failure = &task.Failure{Reason: task.ReasonTimedOut, Message: late()}
		return r
	}
	r.End, r.Failure = policy.Stopped, nil
	return r
}

func (f interrupt) perform(s *Supervisor, _ error) {
	s.live.interrupt(s.live.attempts, f.uid, f.reason)
}

func (f abortBuild) perform(s *Supervisor, _ error) {
	s.live.interrupt(s.live.builds, f.uid, task.ReasonCanceled)
}

func (f release) perform(s *Supervisor, _ error) { s.executor.Release(f.task) }

func (f reply) perform(_ *Supervisor, err error) {
	if f.to == nil {
		return
	}
	if err != nil && f.answer.err == nil {
		f.answer = answer{err: err}
	}
	f.to <- f.answer
}
