package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// wanted finds tasks that nobody asked for, that were refused, or that are there twice.
func (c *checker) wanted() {
	asked := map[string]bool{}
	for _, op := range c.Ops {
		if (op.Kind == Create || op.Kind == Apply) && op.Answer != Refused {
			asked[op.Spec] = true
		}
	}
	holder := map[string]task.UID{}
	for _, f := range c.Finals {
		md, id := f.Task.Metadata, f.Spec()
		if !asked[id] {
			c.report(Wanted, "task %s has spec %q, which was not asked for or was refused", md.Name, id)
		}
		if other, twice := holder[id]; twice {
			c.report(Wanted, "tasks %s and %s have the same spec %s", other, md.UID, id)
		}
		holder[id] = md.UID
		if !strings.Contains(string(f.Task.Spec.Workload.Spec), fmt.Sprintf("%q", id)) {
			c.report(Acknowledged, "task %s has the labels of spec %s and another workload: %s", md.Name, id, f.Task.Spec.Workload.Spec)
		}
	}
}

// histories checks every task's runs by themselves.
func (c *checker) histories() {
	for _, f := range c.Finals {
		c.gapless(f)
		c.policy(f)
		if !f.Task.Status.Done() {
			c.report(Live, "task %s is %s, attempt %d, waits for %q", f.Task.Metadata.Name, f.Task.Status.Phase, f.Task.Status.Attempt, f.Task.Status.Waiting)
		}
		for _, r := range f.Runs {
			if r.Phase == task.LostRun && !c.killedDuring(r) {
				c.report(Lost, "task %s: run %s is lost from %s to %s, and nothing was killed then: %v",
					f.Task.Metadata.Name, r.RunID, r.StartedAt, r.FinishedAt, r.Error)
			}
		}
	}
}

func (c *checker) killedDuring(r task.Run) bool {
	return slices.ContainsFunc(c.Kills, func(k Kill) bool { return k.hit(r) })
}

func (c *checker) gapless(f *Final) {
	name, s := f.Task.Metadata.Name, f.Task.Status
	if len(f.Runs) != s.Attempt {
		c.report(Gapless, "task %s is at attempt %d and has %d runs", name, s.Attempt, len(f.Runs))
	}
	for i, r := range f.Runs {
		if r.Attempt != i+1 {
			c.report(Gapless, "task %s: run %d is attempt %d", name, i+1, r.Attempt)
		}
		if r.Active() && (i < len(f.Runs)-1 || s.Done()) {
			c.report(Gapless, "task %s: attempt %d has no end", name, r.Attempt)
		}
		if i == 0 {
			continue
		}
		before := f.Runs[i-1]
		if r.StartedAt.Before(before.FinishedAt) {
			c.report(Exclusive, "task %s: attempt %d began before the end of the one before it", name, r.Attempt)
		}
		if r.Generation < before.Generation {
			c.report(Gapless, "task %s: attempt %d is of an earlier generation than the one before it", name, r.Attempt)
		}
	}
}

// policy checks the runs of the task's last generation.
func (c *checker) policy(f *Final) {
	intent, known := c.Intents[f.Spec()]
	if !known {
		return
	}
	name, out := f.Task.Metadata.Name, f.Task.Status.Outcome
	var runs []task.Run
	failures, successes, reached := 0, 0, 0
	for _, r := range f.Runs {
		if r.Generation != f.Task.Metadata.Generation {
			continue
		}
		if successes > 0 && intent.Policy != task.Always {
			c.report(Policy, "task %s: attempt %d after a success, with restart %s", name, r.Attempt, intent.Policy)
		}
		runs = append(runs, r)
		if !c.turnedAway(r) {
			reached++
		}
		switch r.Phase {
		case task.Succeeded:
			successes++
		case task.Failed, task.Timeout:
			failures++
		}
	}
	if intent.Policy == task.Never && reached > 1 {
		c.report(Policy, "task %s: restart is never, and there are %d runs", name, reached)
	}
	if intent.Policy == task.OnFailure && intent.MaxRetries != nil && failures > *intent.MaxRetries+1 {
		c.report(Policy, "task %s: %d failures with maxRetries %d", name, failures, *intent.MaxRetries)
	}
	if out != nil {
		c.outcome(f, intent, runs, failures)
	}
}

// turnedAway reports whether a run was lost because its plugin was down already: it never began, and
// counts for nothing.
func (c *checker) turnedAway(r task.Run) bool {
	_, began := c.begins[r.RunID]
	return !began && r.Phase == task.LostRun && r.Error != nil && strings.HasSuffix(r.Error.Message, "the plugin is not ready")
}

// outcome holds the outcome of a task against its runs.
func (c *checker) outcome(f *Final, intent Intent, runs []task.Run, failures int) {
	name, out := f.Task.Metadata.Name, f.Task.Status.Outcome
	last := task.Phase("none")
	if len(runs) > 0 {
		last = runs[len(runs)-1].Phase
	}
	bad := func(why string) {
		c.report(Policy, "task %s: outcome %s, %s: %s; last run %s, %d failures, restart %s", name, out.Kind, out.Reason, why, last, failures, intent.Policy)
	}
	switch out.Kind {
	case task.OutcomeCompleted:
		if last != task.Succeeded || intent.Policy == task.Always && !c.stopped[name] && !c.deleted[name] {
			bad("it did not succeed for good")
		}
	case task.OutcomeFailed:
		switch {
		case intent.Policy == task.Never:
			if failures != 1 {
				bad("it did not fail")
			}
		case out.Reason != task.ReasonRetriesSpent || intent.MaxRetries == nil || failures != *intent.MaxRetries+1:
			bad("its retries were not spent")
		}
	case task.OutcomeLost:
		if last != task.LostRun || intent.Policy != task.Never {
			bad("only what never restarts ends lost, and only when its run does")
		}
	case task.OutcomeRejected:
		if len(runs) > 0 {
			bad("what was rejected ran")
		}
	case task.OutcomeCanceled, task.OutcomeForceAborted:
		if out.Reason == task.ReasonCanceled && !c.stopped[name] {
			bad("nobody canceled it")
		}
	default:
		bad("no such outcome was to be expected")
	}
}

// numbers checks that run numbers are used once and grow over the lives of hosts.
func (c *checker) numbers() {
	type used struct {
		run task.Run
		by  task.Name
	}
	var all []used
	for _, f := range c.Finals {
		for _, r := range f.Runs {
			all = append(all, used{r, f.Task.Metadata.Name})
		}
	}
	slices.SortFunc(all, func(a, b used) int { return int(sequence(a.run.RunID) - sequence(b.run.RunID)) })
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if sequence(a.run.RunID) == sequence(b.run.RunID) {
			c.report(Numbers, "runs %s of %s and %s of %s", a.run.RunID, a.by, b.run.RunID, b.by)
		} else if b.run.StartedAt.Before(a.run.StartedAt) {
			c.report(Numbers, "run %s began before run %s", b.run.RunID, a.run.RunID)
		}
	}
	born := c.births()
	life, highest := 0, int64(0)
	floor := map[int]int64{} // highest number before a life
	seen := map[task.RunID]bool{}
	for _, l := range c.Ledger {
		switch l.Kind {
		case Life:
			life = l.Code
			floor[life] = highest
		case Begin:
			if seen[l.RunID] {
				c.report(Numbers, "run %s of %s began twice", l.RunID, l.Name)
			}
			seen[l.RunID] = true
			highest = max(highest, sequence(l.RunID))
		}
	}
	for _, f := range c.Finals {
		first, ok := born[f.Task.Metadata.UID]
		for _, r := range f.Runs {
			if ok && sequence(r.RunID) <= floor[first] {
				c.report(Numbers, "run %s of %s, which was made in life %d: numbers were at %d before that", r.RunID, f.Task.Metadata.Name, first, floor[first])
			}
		}
	}
}

// births returns in which life a task was acknowledged first. A repeated request may come later than
// the one that made the task, so that only those without a key count.
func (c *checker) births() map[task.UID]int {
	born := map[task.UID]int{}
	for _, op := range c.Ops {
		if op.Answer == Done && (op.Kind == Create && op.Key == "" || op.Kind == Apply && op.How == task.AppliedCreated) {
			born[op.UID] = op.Life
		}
	}
	return born
}
