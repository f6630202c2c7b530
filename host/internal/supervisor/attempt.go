package supervisor

import (
	"errors"
	"fmt"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// buildDone is the input that a build has answered.
type buildDone struct {
	uid    task.UID
	token  uint64
	runner string
	err    error
}

func (in buildDone) apply(m *machine) {
	e := m.entries[in.uid]
	if e == nil || e.token != in.token {
		return // given up meanwhile
	}
	e.token = 0
	if e.respec {
		m.rebuilt(e, in)
		return
	}
	m.timers.clear(e)
	var later *LaterError
	switch {
	case in.err == nil:
		e.prebuilt = true
		m.assign(e, in.runner)
		m.advance(e)
	case errors.As(in.err, &later):
		m.awaitRunner(e)
		m.timers.set(e, m.now.Add(later.After))
	case errors.Is(in.err, ErrDown):
		m.awaitRunner(e)
	default:
		m.buildFailed(e, in.err)
	}
}

// awaitRunner lets e wait until runners change. If they have changed since its runner was asked, it
// asks again at once.
func (m *machine) awaitRunner(e *entry) {
	m.leaveWindow(e)
	e.state = down
	if e.task.Status.Waiting != "runner" {
		m.record(e, event.Updated, nil, func(t *task.Task) { t.Status.Waiting = "runner" })
	}
	if e.wakes != m.wakes {
		m.timers.set(e, m.now.Add(minWait))
	}
}

// assign notes which runner has the task. It becomes durable with the next record.
func (m *machine) assign(e *entry, runner string) {
	if e.task.Status.Runner == runner {
		return
	}
	t := *e.task
	t.Status.Runner = runner
	e.task = &t
}

// buildFailed ends a task that cannot be made runnable. If it was to replace another, that one stays.
func (m *machine) buildFailed(e *entry, err error) {
	f := failureOf(err)
	owner := e.slot.owner
	m.end(e, event.Finished, nil, func(t *task.Task) {
		t.Status.Error = f
		m.outcome(task.OutcomeRejected, f.Reason, f.Message)(t)
	})
	if owner != e {
		m.spare(owner)
	}
}

// spare takes back the intent to stop an owner whose replacement is not to be, unless the owner has
// been asked to end already.
func (m *machine) spare(owner *entry) {
	if owner != nil && !owner.evicted && owner.book.Stop == task.ReasonReplaced && owner.slot.head() == nil && !owner.respec {
		owner.book.Stop = ""
		m.record(owner, event.Updated, nil, nil)
	}
}

func failureOf(err error) *task.Failure {
	var te *task.Error
	if errors.As(err, &te) {
		return te.Failure()
	}
	return &task.Failure{Reason: task.ReasonInternal, Message: task.Truncate(err.Error())}
}

// start decides on e's next attempt.
func (m *machine) start(e *entry) {
	m.leaveWindow(e)
	if !e.book.System {
		m.used++
	}
	n := e.task.Status.Attempt + 1
	e.run = &task.Run{
		Attempt: n, Generation: e.task.Metadata.Generation,
		RunID:    m.runID(e, n),
		Runner:   e.task.Status.Runner,
		Workload: e.task.Spec.Workload.Type().String(),
		Phase:    task.Running, StartedAt: m.wall(),
	}
	e.state = running
	e.wakes = m.wakes
	m.runs[e.run.Runner]++
	e.book.Owner = true
	m.record(e, event.Started, e.run, func(t *task.Task) {
		s := &t.Status
		s.Phase, s.Attempt, s.RunID, s.ObservedGeneration = task.Running, n, e.run.RunID, t.Metadata.Generation
		s.ExitCode, s.Signal, s.Error, s.NextAt, s.Waiting = nil, "", nil, time.Time{}, ""
	})
	m.effect(&launch{task: e.task, run: e.run})
}

// runID makes the identity of e's n-th attempt. The host's own tasks do not use up the numbers that
// people see: theirs are their attempts.
func (m *machine) runID(e *entry, n int) task.RunID {
	seq := uint64(n)
	if !e.book.System {
		m.count.Run++
		seq = m.count.Run
	}
	return task.RunID(fmt.Sprintf("%s-%s-%d", e.task.Status.Runner, e.task.Spec.Slot, seq))
}

// noted is the input that an attempt has told facts about itself.
type noted struct {
	uid     task.UID
	attempt int
	facts   map[string]string
}

// apply records them at once: of an attempt that is lost, people want to know what it could do.
func (in noted) apply(m *machine) {
	e := m.entries[in.uid]
	if e == nil || e.state != running || e.run.Attempt != in.attempt {
		return // abandoned at shutdown
	}
	run := *e.run
	run.Facts = in.facts
	e.run = &run
	m.record(e, event.Noted, e.run, nil)
}

// ended is the input that an attempt is gone.
type ended struct {
	uid     task.UID
	attempt int
	result  Result
}

func (in ended) apply(m *machine) {
	e := m.entries[in.uid]
	if e == nil || e.state != running || e.run.Attempt != in.attempt {
		return // abandoned at shutdown
	}
	if !e.book.System {
		m.used--
	}
	runner := e.run.Runner
	if m.runs[runner]--; m.runs[runner] == 0 {
		delete(m.runs, runner)
	}
	m.settle(e, in.result)
	m.makeRoom(runner)
}

// settle decides what follows from the end of e's attempt.
func (m *machine) settle(e *entry, r Result) {
	if r.End == policy.Stopped && e.book.Stop == "" && !e.respec { // nobody asked it to end but the host
		r.End, r.Failure = policy.LostPlugin, &task.Failure{Reason: task.ReasonLost, Message: "the runner says that it was asked to end, but it was not"}
		if m.closing {
			r.End, r.Failure = policy.LostHost, &task.Failure{Reason: task.ReasonLost, Message: "the host was stopped while the attempt was running"}
		}
	}
	run := *e.run
	e.run = nil
	closeRun(&run, r, m.wall())
	d := m.decide(e, r)
	e.evicted = false
	if run.Generation != e.task.Metadata.Generation {
		m.effect(release{imageOf(e.task, &run)})
	}
	e.book.Streak, e.book.Losses = d.Streaks.Failures, d.Streaks.Losses
	status := func(t *task.Task) {
		t.Status.Phase = phaseOfRun(run.Phase)
		t.Status.ExitCode, t.Status.Signal, t.Status.Error = run.ExitCode, run.Signal, run.Error
	}
	if d.Over {
		m.end(e, event.Ended, &run, func(t *task.Task) {
			status(t)
			m.outcomeSpent(d.Outcome, d.Reason, messageOf(run.Error), d.Spent)(t)
		})
		return
	}
	if e.respec {
		m.record(e, event.Ended, &run, status)
		m.turnOver(e)
		return
	}
	m.again(e, &run, r, d, status)
}

// again records the end of an attempt that is followed by another, and arranges for that.
func (m *machine) again(e *entry, run *task.Run, r Result, d policy.Decision, status func(*task.Task)) {
	wait, why := d.Wait, d.Cause.String()
	if r.RetryAfter > 0 {
		wait, why = r.RetryAfter, "capacity"
	}
	wait = max(wait, minWait)
	at := m.now.Add(wait)
	m.record(e, event.Ended, run, func(t *task.Task) {
		status(t)
		switch {
		case r.Down:
			t.Status.Phase, t.Status.Waiting = task.Pending, "runner"
		case wait > minWait:
			t.Status.NextAt, t.Status.Waiting = at.UTC().Truncate(time.Millisecond), why
		}
		if r.RetryAfter > 0 {
			t.Status.Phase = task.Pending
		}
	})
	if r.Down {
		e.prebuilt = false
		m.awaitRunner(e)
		return
	}
	if r.End == policy.LostPlugin { // what it had built is gone; building again waits for the next one
		e.prebuilt = false
	}
	m.wait(e, at)
}

// imageOf returns t as it was when run, of an earlier generation, was built.
func imageOf(t *task.Task, run *task.Run) *task.Task {
	old := *t
	old.Metadata.Generation, old.Status.Runner = run.Generation, run.Runner
	return &old
}

// minWait is the least time between two attempts of a task, so that one that ends at once does not
// keep the host busy.
const minWait = time.Millisecond

// decide applies the policies, except that a task that was asked to end goes no further.
func (m *machine) decide(e *entry, r Result) policy.Decision {
	stop := e.stopIntent()
	streaks := policy.Streaks{Failures: e.book.Streak, Losses: e.book.Losses}
	if r.Down || r.RetryAfter > 0 {
		if stop == "" {
			return policy.Decision{Streaks: streaks}
		}
		r.End = policy.Stopped
	}
	end := r.End
	if end == policy.Stopped {
		return policy.Decision{
			Over: !e.respec || stop != "", Outcome: task.OutcomeCanceled, Reason: stop, Streaks: streaks,
		}
	}
	if end == policy.LostHost && stop == "" && e.task.Spec.Workload.Type() == task.Embedded {
		// Its code is gone with the host, whatever the policy says.
		return policy.Decision{Over: true, Outcome: task.OutcomeLost, Reason: task.ReasonHostLost, Streaks: streaks}
	}
	d := policy.AfterAttempt(&e.task.Spec, end, streaks, m.u)
	if stop != "" && (!d.Over || end != policy.Success || e.respec) {
		d.Over, d.Outcome, d.Reason, d.Spent = true, task.OutcomeCanceled, stop, false
	}
	if e.respec && stop == "" {
		d.Over = false
	}
	return d
}

// closeRun completes a run with its result.
func closeRun(run *task.Run, r Result, at time.Time) {
	run.FinishedAt = at
	run.ExitCode, run.Signal, run.Error = r.ExitCode, r.Signal, r.Failure
	run.StdoutBytes, run.StderrBytes, run.Dropped, run.OutputRef = r.Stdout, r.Stderr, r.Dropped, r.OutputRef
	switch r.End {
	case policy.Success:
		run.Phase = task.Succeeded
	case policy.TimedOut:
		run.Phase = task.Timeout
	case policy.Stopped:
		run.Phase = task.Canceled
	case policy.LostPlugin, policy.LostHost:
		run.Phase = task.LostRun
	default:
		run.Phase = task.Failed
	}
}

// phaseOfRun returns the phase of a task whose last run ended in phase p.
func phaseOfRun(p task.Phase) task.Phase {
	if p == task.LostRun {
		return task.Failed
	}
	return p
}

func messageOf(f *task.Failure) string {
	if f == nil {
		return ""
	}
	return f.Message
}
