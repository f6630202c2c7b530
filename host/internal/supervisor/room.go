package supervisor

import (
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// crowdWait is after how long a task that waits for room tries again by itself. As a rule it is called
// when an attempt of its runner ends.
const crowdWait = 30 * time.Second

// detain keeps e from going on if its runner is not ready or has no room, and reports whether it did.
func (m *machine) detain(e *entry) bool {
	if e.task.Status.Runner != "" && !e.book.System && m.room(e.task.Status.Runner) < 0 {
		e.prebuilt, e.wakes = false, m.wakes
		m.awaitRunner(e)
		return true
	}
	if m.hasRoom(e) {
		return false
	}
	m.crowd(e)
	return true
}

// hasRoom reports whether e's runner takes a further attempt. A task without a runner has room.
func (m *machine) hasRoom(e *entry) bool {
	runner := e.task.Status.Runner
	if runner == "" || e.book.System {
		return true
	}
	limit := m.room(runner)
	return limit <= 0 || m.runs[runner] < limit
}

// crowd lets e wait for room. What was built of it is let go: a crowd may be large, a runner's memory
// is not.
func (m *machine) crowd(e *entry) {
	m.leaveWindow(e)
	if e.prebuilt {
		e.prebuilt = false
		m.effect(release{e.task})
	}
	e.state = crowded
	if e.task.Status.Waiting != "capacity" {
		m.record(e, event.Updated, nil, func(t *task.Task) { t.Status.Waiting = "capacity" })
	}
	runner := e.task.Status.Runner
	if m.crowds[runner] == nil {
		m.crowds[runner] = new(fifo)
	}
	m.crowds[runner].push(e, crowded)
	m.timers.set(e, m.now.Add(crowdWait))
}

// makeRoom calls the next of those that wait for room at a runner.
func (m *machine) makeRoom(runner string) {
	line := m.crowds[runner]
	if limit := m.room(runner); line == nil || limit > 0 && m.runs[runner] >= limit {
		return
	}
	e := line.pop(crowded)
	if e == nil {
		delete(m.crowds, runner)
		return
	}
	m.wake(e)
}
