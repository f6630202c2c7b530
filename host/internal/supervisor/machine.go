package supervisor

import (
	"cmp"
	"container/heap"
	"slices"
	"strconv"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// limits are the machine's settings.
type limits struct {
	permits   int // attempts at one time; 0 means no limit
	window    int // tasks that are being built, or are built and wait for a permit
	slotQueue int // tasks that wait for one slot
}

// A machine takes every decision. It is a value without goroutines: step is its only way in.
type machine struct {
	limits
	epoch  string // part of every resource version
	index  Index
	newUID func(time.Time) task.UID

	count   event.Counters
	entries map[task.UID]*entry   // what is not over
	names   map[task.Name]*entry  // the same by name
	slots   map[task.Slot]*slot   // those with an owner
	keys    map[string]*event.Key // idempotency keys in use
	limbo   limbo                 // ends and removals that the index may not have yet
	timers  timers
	closing bool

	lines
	crews
	moment
}

// The lines are what entries stand in on their way to an attempt.
type lines struct {
	ready  fifo // those that wait for a place in the window
	built  fifo // owners that wait for a permit
	inside int  // places taken in the window
	used   int  // permits taken
	tokens uint64
}

// The crews are what is known of the runners.
type crews struct {
	room   func(runner string) int // attempts at one time; 0 means any number, less than 0 that it is not ready
	runs   map[string]int          // attempts by runner
	crowds map[string]*fifo        // those that wait for room, by runner
	wakes  uint64                  // times that runners have changed
}

// A moment is what a step has to go by, and what comes of it.
type moment struct {
	units uint64 // steps so far
	now   time.Time
	u     float64 // the dice, in [0, 1)
	out   unit
	fresh []*entry // those that got in line
}

// A unit is what one step decided.
type unit struct {
	records []event.Record // become durable together
	effects []effect       // released when they are
	atOnce  []effect       // not held back by records
}

// An input is one thing that happened; apply decides what follows from it.
type input interface{ apply(m *machine) }

func newMachine(l limits, epoch string, count event.Counters, index Index) *machine {
	return &machine{
		limits: l, epoch: epoch, count: count, index: index,
		entries: map[task.UID]*entry{}, names: map[task.Name]*entry{}, slots: map[task.Slot]*slot{},
		keys: map[string]*event.Key{}, limbo: limbo{names: map[task.Name]ending{}}, newUID: task.NewUID,
		crews: crews{room: func(string) int { return 0 }, runs: map[string]int{}, crowds: map[string]*fifo{}},
	}
}

// step takes one input at a time now, with one throw of the dice, and returns what was decided. The
// units of the first so many steps are durable by now.
func (m *machine) step(in input, now time.Time, u float64, durable uint64) unit {
	m.units++
	m.now, m.u, m.out, m.fresh = now, u, unit{}, m.fresh[:0]
	m.limbo.settle(durable)
	in.apply(m)
	m.pump()
	m.sayPermit()
	clear(m.fresh)
	return m.out
}

// pump moves owners on as far as window and permits allow.
func (m *machine) pump() {
	for !m.closing && (m.window <= 0 || m.inside < m.window) {
		e := m.ready.pop(ready)
		if e == nil {
			break
		}
		if e.owns() && m.detain(e) {
			continue
		}
		m.inside++
		e.windowed = true
		m.makeRunnable(e)
	}
	for !m.closing && (m.permits <= 0 || m.used < m.permits) {
		e := m.built.pop(built)
		if e == nil {
			break
		}
		if m.detain(e) {
			continue
		}
		m.start(e)
	}
}

// makeRunnable builds e, unless that has been done.
func (m *machine) makeRunnable(e *entry) {
	if e.prebuilt {
		m.advance(e)
		return
	}
	m.build(e)
}

// advance goes on with what has been built: an owner gets in line for a permit, and a replacement
// stops the owner of its slot.
func (m *machine) advance(e *entry) {
	if e.owns() {
		m.awaitPermit(e)
		return
	}
	m.leaveWindow(e)
	e.state = built
	m.evict(e.slot.owner)
}

func (m *machine) build(e *entry) {
	if m.closing {
		e.state = ready
		return
	}
	e.state = building
	m.ask(e, e.task)
	if e.windowed {
		m.timers.set(e, m.now.Add(windowTime))
	}
}

// ask asks for t, which is e or a new generation of it, to be built.
func (m *machine) ask(e *entry, t *task.Task) {
	m.tokens++
	e.token, e.wakes = m.tokens, m.wakes
	m.effect(&build{task: t, token: e.token})
}

// windowTime is how long a build may hold a place in the window, so that a runner that hangs does not
// keep the tasks of others from being built.
const windowTime = 200 * time.Millisecond

// awaitPermit puts a built owner in line; a system task needs no permit.
func (m *machine) awaitPermit(e *entry) {
	e.state = built
	if e.book.System {
		if !m.closing {
			m.start(e)
		}
		return
	}
	m.built.push(e, built)
	m.fresh = append(m.fresh, e)
}

// makeReady puts an owner, or what is to replace one, at the end of the line for the window.
func (m *machine) makeReady(e *entry) {
	e.state = ready
	if e.book.System {
		m.makeRunnable(e)
		return
	}
	m.ready.push(e, ready)
	m.fresh = append(m.fresh, e)
}

// sayPermit lets the status of those that got in line in this step, and are still there for want of a
// permit, say so.
func (m *machine) sayPermit() {
	if m.permits <= 0 || m.used < m.permits {
		return
	}
	for _, e := range m.fresh {
		if (e.stands(ready) || e.stands(built)) && e.owns() && e.task.Status.Waiting != "permit" {
			m.record(e, event.Updated, nil, func(t *task.Task) { t.Status.Waiting, t.Status.NextAt = "permit", time.Time{} })
		}
	}
}

// leaveWindow gives e's place in the window to others.
func (m *machine) leaveWindow(e *entry) {
	if e.windowed {
		e.windowed = false
		m.inside--
	}
}

// wait lets e sleep until at, and says in its status why.
func (m *machine) wait(e *entry, at time.Time) {
	e.state = waiting
	m.timers.set(e, at)
}

// effect adds one that is released with the step's records.
func (m *machine) effect(f effect) { m.out.effects = append(m.out.effects, f) }

// atOnce adds one that does not wait for them.
func (m *machine) atOnce(f effect) { m.out.atOnce = append(m.out.atOnce, f) }

// wall returns the time of this step as records show it.
func (m *machine) wall() time.Time { return m.now.UTC().Truncate(time.Millisecond) }

// record makes a record of e as change leaves it, and makes that e's image.
func (m *machine) record(e *entry, kind event.Kind, run *task.Run, change func(*task.Task)) {
	t := *e.task
	if change != nil {
		change(&t)
	}
	e.book.Revision++
	t.Metadata.ResourceVersion = m.epoch + "-" + strconv.FormatUint(e.book.Revision, 10)
	e.task = &t
	m.out.records = append(m.out.records, event.Record{
		Kind: kind, At: m.wall(), Task: e.task, Book: e.book, Run: run,
		Respec: kind == event.Accepted || kind == event.Updated,
		Count:  m.count,
	})
}

// add makes e one of the machine's entries.
func (m *machine) add(e *entry) {
	e.heap = -1
	m.entries[e.uid()] = e
	m.names[e.name()] = e
}

// forgetEntry drops e, which is over.
func (m *machine) forgetEntry(e *entry) {
	if e.state != running {
		m.makeRoom(e.task.Status.Runner)
	}
	e.state = over
	m.timers.clear(e)
	m.leaveWindow(e)
	delete(m.entries, e.uid())
	delete(m.names, e.name())
	m.limbo.add(e.name(), ending{task: e.task, unit: m.units})
}

// tick is the input that the time of a waiting entry has come.
type tick struct{}

func (tick) apply(m *machine) {
	for e := m.timers.due(m.now); e != nil; e = m.timers.due(m.now) {
		if e.state == building {
			m.leaveWindow(e)
			continue
		}
		m.wake(e)
	}
}

// wake goes on with an entry that waited for a time, or for its runner.
func (m *machine) wake(e *entry) {
	m.timers.clear(e)
	m.makeReady(e)
}

// nextTick returns when the next tick is due.
func (m *machine) nextTick() (time.Time, bool) {
	if m.closing {
		return time.Time{}, false
	}
	return m.timers.next()
}

// runnersChanged is the input that a runner may be ready that was not.
type runnersChanged struct{}

func (runnersChanged) apply(m *machine) {
	m.wakes++
	var waiting []*entry
	for _, e := range m.entries {
		switch {
		case e.state == down || e.state == crowded:
			waiting = append(waiting, e)
		case e.state == running && e.respec && !e.prebuilt && e.token == 0 && !m.closing:
			m.ask(e, unassigned(e.task))
		}
	}
	slices.SortFunc(waiting, func(a, b *entry) int { return cmp.Compare(a.book.Order, b.book.Order) })
	for _, e := range waiting {
		m.wake(e)
	}
}

// A fifo is a line of entries. Those that have moved on meanwhile are skipped when their turn comes,
// and dropped before they are the greater part.
type fifo struct {
	line  []*entry
	sweep int // length at which it is swept
}

func (f *fifo) push(e *entry, as state) {
	if f.line = append(f.line, e); len(f.line) <= f.sweep {
		return
	}
	f.line = slices.DeleteFunc(f.line, func(e *entry) bool { return !e.stands(as) })
	f.sweep = 2*len(f.line) + 64
}

// pop returns the first that still stands there for the sake of want, or nil.
func (f *fifo) pop(want state) *entry {
	for len(f.line) > 0 {
		e := f.line[0]
		f.line[0] = nil
		f.line = f.line[1:]
		if e.stands(want) {
			return e
		}
	}
	f.line = nil
	return nil
}

var _ heap.Interface = (*timers)(nil)
