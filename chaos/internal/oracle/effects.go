package oracle

import (
	"bytes"

	"github.com/soltihq/solti-host/host/task"
)

// locks finds payloads that met another of their task or their slot, and specs that never restart
// and began twice.
func (c *checker) locks() {
	began := map[string]task.RunID{}
	for _, l := range c.Ledger {
		switch l.Kind {
		case Overlap:
			c.report(Exclusive, "run %s of task %s found its %s busy", l.RunID, l.Name, l.Note)
		case Begin:
			if first, twice := began[l.Spec]; twice && c.Intents[l.Spec].Policy == task.Never {
				c.report(Policy, "task %s: restart is never, and both %s and %s began", l.Name, first, l.RunID)
			}
			began[l.Spec] = l.RunID
		}
	}
}

// effects holds the records of runs against the ledger, and the ledger against the records.
func (c *checker) effects() {
	recorded := map[task.RunID]bool{}
	for _, f := range c.Finals {
		for _, r := range f.Runs {
			recorded[r.RunID] = true
			c.effect(f, r)
		}
	}
	for _, l := range c.Ledger {
		if l.Kind != Begin || recorded[l.RunID] {
			continue
		}
		if _, known := c.Intents[l.Spec]; !known {
			c.report(Effects, "run %s began with spec %q, which nobody made", l.RunID, l.Spec)
		}
		if !c.deleted[l.Name] {
			c.report(Effects, "run %s of task %s began and there is no record of it", l.RunID, l.Name)
		}
	}
}

func (c *checker) effect(f *Final, r task.Run) {
	name := f.Task.Metadata.Name
	begin, began := c.begins[r.RunID]
	end, ended := c.ends[r.RunID]
	if began && (begin.Name != name || begin.Attempt != r.Attempt) {
		c.report(Effects, "run %s is attempt %d of %s, and its payload was told attempt %d of %s", r.RunID, r.Attempt, name, begin.Attempt, begin.Name)
	}
	if ended && (!began || end.PID != begin.PID || end.Spec != begin.Spec) {
		c.report(Effects, "run %s ended otherwise than it began", r.RunID)
	}
	reached := r.Phase == task.Succeeded || r.Phase == task.Failed && r.ExitCode != nil
	if !reached {
		return
	}
	code := 0
	if r.ExitCode != nil {
		code = *r.ExitCode
	}
	switch {
	case !began || !ended:
		c.report(Effects, "run %s of %s is %s, and its payload did not get to its end", r.RunID, name, r.Phase)
	case end.Code != code || (code == 0) != (r.Phase == task.Succeeded):
		c.report(Effects, "run %s of %s is %s with exit code %d, and its payload ended with %d", r.RunID, name, r.Phase, code, end.Code)
	}
}

// order checks the slots that are served in the order of submission.
func (c *checker) order() {
	last := map[task.Slot]Line{}
	for _, l := range c.Ledger {
		i := c.Intents[l.Spec]
		if l.Kind != Begin || i.Order == 0 {
			continue
		}
		if before, ok := last[i.Slot]; ok && c.Intents[before.Spec].Order >= i.Order {
			c.report(Policy, "slot %s: task %s began after task %s, which was submitted later", i.Slot, l.Name, before.Name)
		}
		last[i.Slot] = l
	}
}

// outputs holds the stored output against what payloads write, and against what followers saw.
func (c *checker) outputs() {
	for _, f := range c.Finals {
		for _, r := range f.Runs {
			c.output(f, r)
		}
	}
	for _, seen := range c.Followed {
		f := c.byName[seen.Name]
		if f == nil || f.Task.Metadata.UID != seen.UID {
			if !c.deleted[seen.Name] {
				c.report(Output, "task %s was followed and is not there", seen.Name)
			}
			continue
		}
		for attempt, got := range seen.Stdout {
			if stored := f.Stdout[attempt]; !bytes.Equal(got, stored) {
				c.report(Output, "task %s attempt %d: %d bytes were followed and %d are stored", seen.Name, attempt, len(got), len(stored))
			}
		}
	}
}

func (c *checker) output(f *Final, r task.Run) {
	got, name := f.Stdout[r.Attempt], f.Task.Metadata.Name
	begin, began := c.begins[r.RunID]
	var want []byte
	if began {
		want = c.Intents[begin.Spec].Output(r.RunID)
	}
	_, ended := c.ends[r.RunID]
	whole := ended && (r.Phase == task.Succeeded || r.Phase == task.Failed)
	switch {
	case f.Gaps[r.Attempt] != 0 || r.Dropped != 0:
		c.report(Output, "run %s of %s: %d bytes are missing, %d were dropped", r.RunID, name, f.Gaps[r.Attempt], r.Dropped)
	case whole && !bytes.Equal(got, want):
		c.report(Output, "run %s of %s is %s and has %d bytes of output, not %d", r.RunID, name, r.Phase, len(got), len(want))
	case !bytes.HasPrefix(want, got):
		c.report(Output, "run %s of %s is %s, and its %d bytes of output are no beginning of the %d it writes", r.RunID, name, r.Phase, len(got), len(want))
	case !r.Active() && r.StdoutBytes != int64(len(got)):
		c.report(Output, "run %s of %s says it wrote %d bytes, and %d are stored", r.RunID, name, r.StdoutBytes, len(got))
	}
}
