package host

import (
	"github.com/soltihq/solti-host/host/internal/output"
	"github.com/soltihq/solti-host/host/internal/supervisor"
)

// liveTasks returns the tasks that were not over, their last runs with the output that was found.
func (h *Host) liveTasks() []supervisor.Restored {
	live := make([]supervisor.Restored, 0, len(h.restored.Live))
	for _, it := range h.restored.Live {
		r := supervisor.Restored{Task: it.Task, Book: it.Book, Last: it.Last}
		if it.Last != nil && it.Last.Active() {
			run := *it.Last
			sum := h.outputs.Recover(output.Key{UID: it.Task.Metadata.UID, Attempt: run.Attempt})
			run.StdoutBytes, run.StderrBytes, run.Dropped, run.OutputRef = sum.Stdout, sum.Stderr, sum.Dropped, sum.Ref
			r.Last = &run
			if !it.Book.System {
				h.metrics.Recovered(&run)
			}
		}
		live = append(live, r)
	}
	return live
}

// tellRestored says in the log what became of the tasks that an earlier host had not finished. The
// host's own do not count.
func (h *Host) tellRestored(live []supervisor.Restored) {
	var unfinished, lost, ended int
	for _, r := range live {
		if r.Book.System {
			continue
		}
		unfinished++
		if r.Last != nil && r.Last.Active() {
			lost++
		}
		if t, err := h.state.GetUID(r.Task.Metadata.UID); err != nil || t.Status.Done() {
			ended++
		}
	}
	if unfinished > 0 {
		h.log.Info("went on with the tasks of the last time", "resumed", unfinished-ended, "ended", ended, "lostAttempts", lost)
	}
}
