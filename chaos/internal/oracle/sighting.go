package oracle

import (
	"github.com/soltihq/solti-host/host/task"
)

// sightings checks that what was seen of a task only went forward, and that the end is not behind it.
func (c *checker) sightings() {
	last := map[task.UID]Sighting{}
	for _, s := range c.Sightings {
		if before, ok := last[s.UID]; ok {
			c.forward(before, s)
		}
		last[s.UID] = s
	}
	for uid, s := range last {
		f := c.byName[s.Name]
		if f == nil || f.Task.Metadata.UID != uid {
			if !c.deleted[s.Name] {
				c.report(Stable, "task %s, %s, was seen in life %d and is not there", s.Name, uid, s.Life)
			}
			continue
		}
		st := f.Task.Status
		c.forward(s, Sighting{Name: s.Name, UID: uid, Generation: f.Task.Metadata.Generation, Attempt: st.Attempt, Outcome: st.Outcome})
	}
}

func (c *checker) forward(a, b Sighting) {
	if b.Generation < a.Generation || b.Attempt < a.Attempt {
		c.report(Stable, "task %s went back from generation %d, attempt %d in life %d to generation %d, attempt %d",
			a.Name, a.Generation, a.Attempt, a.Life, b.Generation, b.Attempt)
	}
	// A rejected task that is applied again runs under the same generation.
	if a.Outcome == nil || a.Outcome.Kind == task.OutcomeRejected || a.Generation != b.Generation {
		return
	}
	if b.Outcome == nil || a.Outcome.Kind != b.Outcome.Kind || a.Outcome.Reason != b.Outcome.Reason || !a.Outcome.FinishedAt.Equal(b.Outcome.FinishedAt) {
		c.report(Stable, "task %s was %s in life %d and is %s", a.Name, outcomeText(a.Outcome), a.Life, outcomeText(b.Outcome))
	}
}

func outcomeText(o *task.Outcome) string {
	if o == nil {
		return "not over"
	}
	return string(o.Kind) + ", " + string(o.Reason)
}
