package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// SpecLabel is the label of a task that holds the id of its spec's [Intent].
const SpecLabel = "chaos-spec"

// An Intent is a spec that a submitter wanted. Its id stands in the task's label, in the payload's
// arguments and in the ledger.
type Intent struct {
	ID         string
	Slot       task.Slot
	Policy     task.RestartPolicy
	MaxRetries *int
	Fails      bool // every attempt that gets to its end fails
	Lines      int  // of output
	Order      int  // place in a slot that is served in order; 0 means that the slot is not
}

// Output returns what an attempt writes that gets to its end.
func (i Intent) Output(id task.RunID) []byte {
	var b strings.Builder
	for n := range i.Lines {
		fmt.Fprintf(&b, "%d %s\n", n+1, id)
	}
	return []byte(b.String())
}

// A Kill is the death of a host, or of a plugin.
type Kill struct {
	At    time.Time
	Until time.Time // nothing runs up to then; zero means At
}

// hit reports whether a run that ended lost may have done so by the kill. Records count milliseconds.
func (k Kill) hit(r task.Run) bool {
	until := k.Until
	if until.Before(k.At) {
		until = k.At
	}
	return !r.StartedAt.After(until) && !r.FinishedAt.Before(k.At.Truncate(time.Millisecond))
}

// A Final is a task as the last host has it.
type Final struct {
	Task   *task.Task
	Runs   []task.Run
	Stdout map[int][]byte // by attempt
	Gaps   map[int]int64  // bytes that are missing, by attempt
}

// Spec returns the id of the task's spec.
func (f *Final) Spec() string { return f.Task.Metadata.Labels[SpecLabel] }

// A Sighting is a task as somebody saw it, in the order in which it was seen.
type Sighting struct {
	Life       int // of the host
	Name       task.Name
	UID        task.UID
	Generation int64
	Attempt    int
	Outcome    *task.Outcome
}

// A Followed is the output of a task as somebody saw it who followed it live.
type Followed struct {
	Name   task.Name
	UID    task.UID
	Stdout map[int][]byte // by attempt
}

// Evidence is all that a chaos run leaves.
type Evidence struct {
	Intents   map[string]Intent
	Ops       []Op // those of one name in order
	Ledger    []Line
	Finals    []*Final
	Sightings []Sighting
	Followed  []Followed
	Kills     []Kill
	Left      []string // processes that are alive after the end
	Errors    []string // lines of the host's log that nobody expects
}

// A Rule names a promise.
type Rule string

// The rules.
const (
	Acknowledged Rule = "acknowledged is durable"
	Wanted       Rule = "nothing that nobody asked for"
	Gapless      Rule = "attempts are gapless"
	Numbers      Rule = "run numbers are never repeated"
	Exclusive    Rule = "attempts never overlap"
	Policy       Rule = "policies hold"
	Canceled     Rule = "canceled stays canceled"
	Effects      Rule = "the record is what happened"
	Lost         Rule = "lost only with a host"
	Output       Rule = "output is complete"
	Stable       Rule = "what was seen stays true"
	Live         Rule = "everything gets to its end"
	Clean        Rule = "no process is left"
	Quiet        Rule = "no unexpected error in the log"
)

// A Violation is a promise that was not kept.
type Violation struct {
	Rule Rule
	What string
}

// String returns the rule and what happened.
func (v Violation) String() string { return fmt.Sprintf("%s: %s", v.Rule, v.What) }

// Check returns all violations, those of one rule together.
func Check(e *Evidence) []Violation {
	c := newChecker(e)
	c.acknowledged()
	c.wanted()
	c.histories()
	c.numbers()
	c.locks()
	c.effects()
	c.order()
	c.outputs()
	c.sightings()
	for _, p := range e.Left {
		c.report(Clean, "%s", p)
	}
	for _, line := range e.Errors {
		c.report(Quiet, "%s", line)
	}
	slices.SortStableFunc(c.found, func(a, b Violation) int { return strings.Compare(string(a.Rule), string(b.Rule)) })
	return c.found
}

// A checker is the evidence with what is derived from it.
type checker struct {
	*Evidence
	found   []Violation
	byName  map[task.Name]*Final
	begins  map[task.RunID]Line // the first of each run
	ends    map[task.RunID]Line
	deleted map[task.Name]bool // somebody asked for it
	stopped map[task.Name]bool // somebody asked for it
}

func newChecker(e *Evidence) *checker {
	c := &checker{
		Evidence: e, byName: map[task.Name]*Final{}, begins: map[task.RunID]Line{}, ends: map[task.RunID]Line{},
		deleted: map[task.Name]bool{}, stopped: map[task.Name]bool{},
	}
	for _, f := range e.Finals {
		c.byName[f.Task.Metadata.Name] = f
	}
	for _, l := range e.Ledger {
		switch l.Kind {
		case Begin:
			if _, twice := c.begins[l.RunID]; !twice {
				c.begins[l.RunID] = l
			}
		case End:
			c.ends[l.RunID] = l
		}
	}
	for _, op := range e.Ops {
		if op.Answer == Refused {
			continue
		}
		switch op.Kind {
		case Delete:
			c.deleted[op.Name] = true
		case Cancel:
			c.stopped[op.Name] = true
		}
	}
	return c
}

func (c *checker) report(r Rule, format string, args ...any) {
	c.found = append(c.found, Violation{r, fmt.Sprintf(format, args...)})
}
