package supervisor

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/policy"
	"github.com/soltihq/solti-host/host/task"
)

// A world is everything around a machine, slow and obvious: a disk that takes records late and
// loses what it has not taken in a crash, attempts that run until the test ends them, and builds
// that answer when the test says so. After every step it holds the supervisor's promises against
// what it has seen.
type world struct {
	limits limits
	room   int  // of the one runner
	away   bool // it is not ready
	m      *machine
	now    time.Time
	u      float64

	pending []unit // decided, not durable yet
	durable uint64 // steps of m that are
	uids    uint64
	disk    map[task.UID]*stored
	count   event.Counters
	keys    map[string]event.Key

	running  map[task.UID]*launch // launched and not ended
	asked    map[task.UID]task.Reason
	builds   map[uint64]*build   // released and not answered
	aborted  map[task.UID]uint64 // builds of the task up to this token were given up
	runIDs   map[task.RunID]bool
	accepted map[task.UID]bool // answered with success
	removed  map[task.UID]bool
	errs     []string
}

// stored is what the disk has of one task.
type stored struct {
	task *task.Task
	book event.Book
	runs []*task.Run
}

func newWorld(l limits, room int) *world {
	w := &world{
		limits: l, room: room, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), u: 0.5,
		disk: map[task.UID]*stored{}, keys: map[string]event.Key{}, running: map[task.UID]*launch{},
		asked: map[task.UID]task.Reason{}, builds: map[uint64]*build{}, runIDs: map[task.RunID]bool{},
		aborted: map[task.UID]uint64{}, accepted: map[task.UID]bool{}, removed: map[task.UID]bool{},
	}
	w.boot()
	return w
}

// boot makes a machine as the disk has it, with predictable UIDs.
func (w *world) boot() {
	w.m = newMachine(w.limits, "test", w.count, w)
	w.durable = 0
	w.m.room = func(string) int {
		if w.away {
			return -1
		}
		return w.room
	}
	w.m.newUID = func(time.Time) task.UID {
		w.uids++
		var u task.UID
		binary.BigEndian.PutUint64(u[8:], w.uids)
		return u
	}
}

// Lookup implements Index over what is durable.
func (w *world) Lookup(name task.Name) (task.UID, bool) {
	for uid, s := range w.disk {
		if s.task.Metadata.Name == name && s.task.Status.Done() {
			return uid, true
		}
	}
	return task.UID{}, false
}

// Version implements Index.
func (w *world) Version(uid task.UID) string { return w.disk[uid].task.Metadata.ResourceVersion }

func (w *world) fail(format string, args ...any) {
	w.errs = append(w.errs, fmt.Sprintf(format, args...))
}

// do takes one step and keeps its unit until it is durable.
func (w *world) do(in input) {
	before := w.m.tokens
	out := w.m.step(in, w.now, w.u, w.durable)
	for _, f := range out.atOnce {
		switch f := f.(type) {
		case interrupt:
			w.asked[f.uid] = f.reason
		case abortBuild:
			w.aborted[f.uid] = before
		}
	}
	w.pending = append(w.pending, out)
	w.check()
}

// commit makes the oldest n units durable, in order.
func (w *world) commit(n int) {
	for ; n > 0 && len(w.pending) > 0; n-- {
		out := w.pending[0]
		w.pending = w.pending[1:]
		w.durable++
		for _, r := range out.records {
			w.write(r)
		}
		for _, f := range out.effects {
			w.release(f)
		}
	}
	w.check()
}

func (w *world) write(r event.Record) {
	uid := r.Task.Metadata.UID
	w.count = event.Counters{
		Run: max(w.count.Run, r.Count.Run), Name: max(w.count.Name, r.Count.Name), Order: max(w.count.Order, r.Count.Order),
	}
	if r.Kind == event.Removed {
		delete(w.disk, uid)
		w.removed[uid] = true
		return
	}
	s := w.disk[uid]
	if s == nil {
		if r.Kind != event.Accepted {
			w.fail("first record of %s is of kind %d", r.Task.Metadata.Name, r.Kind)
		}
		s = &stored{}
		w.disk[uid] = s
	} else if s.task.Status.Done() && r.Kind != event.Updated {
		w.fail("task %s has a record of kind %d after its outcome", r.Task.Metadata.Name, r.Kind)
	}
	if r.Key != nil {
		w.keys[r.Key.Text] = *r.Key
	}
	w.writeRun(s, r)
	s.task, s.book = r.Task, r.Book
}

func (w *world) writeRun(s *stored, r event.Record) {
	switch r.Kind {
	case event.Started:
		if r.Run.Attempt != len(s.runs)+1 {
			w.fail("task %s: attempt %d follows %d", r.Task.Metadata.Name, r.Run.Attempt, len(s.runs))
		}
		if w.runIDs[r.Run.RunID] {
			w.fail("run id %s used twice", r.Run.RunID)
		}
		w.runIDs[r.Run.RunID] = true
		s.runs = append(s.runs, r.Run)
	case event.Ended, event.Noted:
		if len(s.runs) == 0 || s.runs[len(s.runs)-1].Attempt != r.Run.Attempt || !s.runs[len(s.runs)-1].Active() {
			w.fail("task %s: attempt %d ended without running", r.Task.Metadata.Name, r.Run.Attempt)
			return
		}
		s.runs[len(s.runs)-1] = r.Run
	}
}

func (w *world) release(f effect) {
	switch f := f.(type) {
	case *build:
		w.builds[f.token] = f
	case *launch:
		uid := f.task.Metadata.UID
		if w.running[uid] != nil {
			w.fail("task %s: two attempts at once", f.task.Metadata.Name)
		}
		w.running[uid] = f
	case reply:
		if f.to != nil {
			f.to <- f.answer
		}
		if f.answer.err == nil && f.answer.task != nil {
			w.accepted[f.answer.task.Metadata.UID] = true
		}
	}
}

// check holds what is so against the promises.
func (w *world) check() {
	slots := map[task.Slot]task.Name{}
	permits := 0
	for _, l := range w.running {
		key := l.task.Spec.Slot
		if other, ok := slots[key]; ok {
			w.fail("slot %s runs %s and %s at once", key, other, l.task.Metadata.Name)
		}
		slots[key] = l.task.Metadata.Name
		permits++
	}
	if w.room > 0 && permits > w.room {
		w.fail("%d attempts at a runner with room for %d", permits, w.room)
	}
	if w.limits.permits > 0 && permits > w.limits.permits {
		w.fail("%d attempts with %d permits", permits, w.limits.permits)
	}
	for uid := range w.accepted {
		if w.disk[uid] == nil && !w.removed[uid] {
			w.fail("accepted task %s is not on disk", uid)
		}
	}
	w.checkSlots()
}

// checkSlots holds the machine's slots against their own rules.
func (w *world) checkSlots() {
	for key, s := range w.m.slots {
		if s.owner == nil || s.owner.slot != s || s.owner.state == over || s.owner.state == queued {
			w.fail("slot %s has no proper owner", key)
			continue
		}
		n, heads := 0, 0
		for e := s.first; e != nil; e = e.next {
			n++
			if e.book.Head {
				heads++
				if e.prev != nil {
					w.fail("slot %s: a replacement is not first", key)
				}
			}
			if e.state == running || e.slot != s {
				w.fail("slot %s: %s runs in the queue", key, e.name())
			}
			if e.prev != nil && !e.prev.book.Head && e.prev.book.Order > e.book.Order {
				w.fail("slot %s: queue out of order", key)
			}
		}
		if n != s.length || heads > 1 {
			w.fail("slot %s: length %d, counted %d, %d heads", key, s.length, n, heads)
		}
	}
	inside, used := 0, 0
	for _, e := range w.m.entries {
		if e.windowed {
			inside++
		}
		if e.state == running && !e.book.System {
			used++
		}
		if e.slot == nil || w.m.slots[e.slot.key] != e.slot {
			w.fail("task %s is in no slot", e.name())
		}
	}
	if running := len(w.m.runs); running > 1 || w.m.runs["r"] != used {
		w.fail("attempts by runner %v counted %d", w.m.runs, used)
	}
	if inside != w.m.inside || used != w.m.used {
		w.fail("window %d counted %d, permits %d counted %d", w.m.inside, inside, w.m.used, used)
	}
}

// crash loses what is not durable, ends everything that runs, and starts anew from the disk.
func (w *world) crash() {
	w.pending, w.running, w.asked, w.builds = nil, map[task.UID]*launch{}, map[task.UID]task.Reason{}, map[uint64]*build{}
	w.boot()
	var live []Restored
	for _, s := range w.disk {
		if s.task.Status.Done() {
			continue
		}
		r := Restored{Task: s.task, Book: s.book}
		if len(s.runs) > 0 {
			r.Last = s.runs[len(s.runs)-1]
		}
		live = append(live, r)
	}
	slices.SortFunc(live, func(a, b Restored) int { return cmp.Compare(a.Book.Order, b.Book.Order) })
	w.do(restore{tasks: live, keys: slices.Collect(maps.Values(w.keys))})
}

// endRun ends the attempt of a task, as asked or as told.
func (w *world) endRun(uid task.UID, r Result) {
	l := w.running[uid]
	if l == nil {
		return
	}
	delete(w.running, uid)
	if reason, ok := w.asked[uid]; ok && r.End != policy.Success && r.End != policy.LostPlugin {
		delete(w.asked, uid)
		r = Result{End: policy.Stopped}
		if reason == task.ReasonTimeout {
			r.End = policy.TimedOut
		}
	}
	w.do(ended{uid: uid, attempt: l.run.Attempt, result: r})
}

// answer answers a build, as it was asked for or as it was given up.
func (w *world) answer(token uint64, err error) {
	b := w.builds[token]
	delete(w.builds, token)
	uid := b.task.Metadata.UID
	if token <= w.aborted[uid] {
		err = &task.StopError{Reason: task.ReasonCanceled}
	}
	w.do(buildDone{uid: uid, token: token, runner: "r", err: err})
}

// settleDown answers every build, ends every attempt with success and lets time pass until nothing
// is left to do.
func (w *world) settleDown() {
	w.away = false
	for _, e := range slices.SortedFunc(maps.Values(w.m.entries), func(a, b *entry) int { return cmp.Compare(a.book.Order, b.book.Order) }) {
		if e.task.Spec.Restart.Policy == task.Always { // what goes on for ever is asked to end
			w.do(stop{name: e.name(), reason: task.ReasonCanceled, to: make(chan answer, 1)})
		}
	}
	for range 10_000 {
		w.commit(len(w.pending))
		busy := false
		for token := range w.builds {
			w.answer(token, nil)
			busy = true
		}
		w.commit(len(w.pending))
		for uid := range w.running {
			w.endRun(uid, Result{End: policy.Success})
			busy = true
		}
		if at, ok := w.m.nextTick(); ok {
			w.now = at
			w.do(tick{})
			busy = true
		}
		w.do(runnersChanged{})
		last := w.pending[len(w.pending)-1]
		if !busy && len(w.pending) == 1 && len(last.effects)+len(last.records) == 0 {
			return
		}
	}
	w.fail("it never settles")
}

func (w *world) err() error {
	if w.errs == nil {
		return nil
	}
	return errors.New(strings.Join(w.errs, "\n"))
}
