package oracle

import (
	"fmt"
	"slices"

	"github.com/soltihq/solti-host/host/task"
)

// A name is one thing that may be true of a task name, given the answers so far. Where an answer did
// not come, several are possible.
type name struct {
	present    bool
	deleting   bool     // it goes, or is gone already
	uid        task.UID // zero means that nobody knows; with a key also when it is gone
	generation int64
	spec       string
	key        string // idempotency key that it was created with, also when it is gone
	canceled   bool   // and not applied since
	limit      int    // canceled, and this many attempts were seen after that; -1 means not seen
}

// after returns what may be true after op if n was true before it; nothing means that the answer is
// impossible then.
func (n name) after(op *Op) []name {
	switch op.Kind {
	case Create:
		return n.create(op)
	case Apply:
		return n.apply(op)
	case Cancel:
		return n.cancel(op)
	case Delete:
		return n.delete(op)
	default:
		return n.get(op)
	}
}

// absent reports whether the name may be free.
func (n name) absent() bool { return !n.present || n.deleting }

func (n name) gone() name {
	if n.key == "" {
		return name{}
	}
	return name{key: n.key, uid: n.uid}
}

func (n name) born(op *Op) name {
	return name{present: true, uid: op.UID, generation: 1, spec: op.Spec, key: op.Key}
}

func (n name) create(op *Op) []name {
	repeated := op.Key != "" && op.Key == n.key
	switch {
	case op.Answer == Done && repeated:
		return append(n.shown(op), n.recalled(op)...)
	case op.Answer == Done && n.absent() && op.Generation == 1 && op.Seen == op.Spec:
		return []name{n.born(op)}
	case op.Answer == Refused && repeated:
		return n.unless(op.Reason == task.ReasonAlreadyExists || op.Reason == task.ReasonQueueFull || op.Reason == task.ReasonNotFound)
	case op.Answer == Refused && op.Reason == task.ReasonAlreadyExists:
		return n.unless(!n.present)
	case op.Answer == Refused:
		return []name{n}
	case op.Answer == Unknown && repeated:
		return []name{n}
	case op.Answer == Unknown && n.absent():
		return []name{n, n.born(op)}
	case op.Answer == Unknown:
		return []name{n}
	}
	return nil
}

func (n name) unless(impossible bool) []name {
	if impossible {
		return nil
	}
	return []name{n}
}

// shown returns n if it is what an answer showed, with its uid.
func (n name) shown(op *Op) []name {
	if !n.present || !n.uid.IsZero() && n.uid != op.UID || n.generation != op.Generation || n.spec != op.Seen {
		return nil
	}
	n.uid = op.UID
	return []name{n}
}

// recalled returns n if its task may be gone and an answer showed it as it was accepted, with its uid.
func (n name) recalled(op *Op) []name {
	if !n.absent() || !n.uid.IsZero() && n.uid != op.UID || op.Generation != 1 || op.Seen != op.Spec {
		return nil
	}
	n.uid = op.UID
	return []name{n.gone()}
}

func (n name) apply(op *Op) []name {
	changed := n
	changed.spec, changed.canceled = op.Spec, false
	if op.Spec != n.spec {
		changed.generation++
	}
	switch op.Answer {
	case Done:
		if op.How == task.AppliedCreated {
			if !n.absent() || op.Generation != 1 || op.Seen != op.Spec {
				return nil
			}
			return []name{n.born(op)}
		}
		if n.deleting || (op.How == task.AppliedUnchanged) != (op.Spec == n.spec) && op.How != task.AppliedConfigured {
			return nil
		}
		return changed.shown(op)
	case Refused:
		return n.unless(op.Reason == task.ReasonConflict && !n.deleting && !n.canceled)
	}
	if !n.present {
		return []name{n, n.born(op)}
	}
	if n.deleting {
		return []name{n, n.gone(), n.born(op)}
	}
	return []name{n, changed}
}

func (n name) cancel(op *Op) []name {
	canceled := n
	canceled.canceled, canceled.limit = true, -1
	switch {
	case op.Answer == Done:
		if !n.present {
			return nil
		}
		return []name{canceled}
	case op.Answer == Refused && op.Reason == task.ReasonNotFound:
		return n.free()
	case op.Answer == Unknown && n.present:
		return []name{n, canceled}
	}
	return []name{n}
}

// free returns the name without a task, if that may be.
func (n name) free() []name {
	if !n.absent() {
		return nil
	}
	return []name{n.gone()}
}

func (n name) delete(op *Op) []name {
	going := n
	going.deleting = true
	switch {
	case op.Answer == Done && !n.present:
		return nil
	case op.Answer == Done && op.Gone:
		return []name{n.gone()}
	case op.Answer == Done:
		return []name{going}
	case op.Answer == Refused && op.Reason == task.ReasonNotFound:
		return n.free()
	case op.Answer == Unknown && n.present:
		return []name{n, going, n.gone()}
	}
	return []name{n}
}

func (n name) get(op *Op) []name {
	switch {
	case op.Answer == Done:
		if n.canceled && n.limit < 0 {
			n.limit = op.Attempt
		}
		return n.shown(op)
	case op.Answer == Refused && op.Reason == task.ReasonNotFound:
		return n.free()
	}
	return []name{n}
}

// acknowledged replays the history of every name and holds its end against what is there.
func (c *checker) acknowledged() {
	histories := map[task.Name][]*Op{}
	var names []task.Name
	for i := range c.Ops {
		op := &c.Ops[i]
		if op.Name == "" {
			continue
		}
		if histories[op.Name] == nil {
			names = append(names, op.Name)
		}
		histories[op.Name] = append(histories[op.Name], op)
	}
	for _, n := range names {
		c.replay(n, histories[n])
	}
}

func (c *checker) replay(of task.Name, history []*Op) {
	possible := []name{{}}
	for i, op := range history {
		next := union(possible, op)
		if len(next) == 0 {
			c.report(Acknowledged, "task %s: request %d, %s: impossible after what was answered before: it was %s",
				of, i+1, describe(op), describeAll(possible))
			return
		}
		possible = next
	}
	last := &Op{Kind: Get, Answer: Refused, Reason: task.ReasonNotFound}
	f := c.byName[of]
	if f != nil {
		last = &Op{Kind: Get, Answer: Done, UID: f.Task.Metadata.UID, Generation: f.Task.Metadata.Generation, Seen: f.Spec(), Attempt: f.Task.Status.Attempt}
	}
	possible = slices.DeleteFunc(possible, func(n name) bool { return f != nil && n.deleting })
	end := union(possible, last)
	if len(end) == 0 {
		c.report(Acknowledged, "task %s: at the end: %s; it was %s", of, describe(last), describeAll(possible))
		return
	}
	c.staysCanceled(f, end)
}

// staysCanceled holds a task against the cancellation that all possibilities have.
func (c *checker) staysCanceled(f *Final, end []name) {
	if f == nil {
		return
	}
	limit := -1
	for _, n := range end {
		if !n.canceled {
			return
		}
		if n.limit >= 0 {
			limit = n.limit
		}
	}
	s := f.Task.Status
	if !s.Done() {
		c.report(Canceled, "task %s goes on", f.Task.Metadata.Name)
	}
	if limit >= 0 && s.Attempt > limit {
		c.report(Canceled, "task %s was at attempt %d when that was acknowledged, and is at %d", f.Task.Metadata.Name, limit, s.Attempt)
	}
}

func union(possible []name, op *Op) []name {
	var next []name
	for _, n := range possible {
		for _, m := range n.after(op) {
			if !slices.Contains(next, m) {
				next = append(next, m)
			}
		}
	}
	return next
}

func describe(op *Op) string {
	if op.Answer != Done {
		return fmt.Sprintf("life %d: %s %s key %q: %s %s", op.Life, op.Kind, op.Spec, op.Key, op.Answer, op.Reason)
	}
	return fmt.Sprintf("life %d: %s %s key %q: %s uid %s generation %d spec %s gone %t %s",
		op.Life, op.Kind, op.Spec, op.Key, op.Answer, op.UID, op.Generation, op.Seen, op.Gone, op.How)
}

func describeAll(possible []name) string {
	text := ""
	for i, n := range possible {
		if i > 0 {
			text += ", or "
		}
		if !n.present {
			text += "absent"
			continue
		}
		text += fmt.Sprintf("uid %s generation %d spec %s", n.uid, n.generation, n.spec)
		if n.deleting {
			text += " going"
		}
	}
	return text
}
