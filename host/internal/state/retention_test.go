package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

// sweepAll appends what has expired, in steps of limit, until nothing has. It returns what was removed.
func (b *bundle) sweepAll(now time.Time, r Retention, limit int) (pruned, removed int) {
	b.t.Helper()
	for range 10_000 {
		prune, remove := b.Expired(now, r, limit)
		if len(prune)+len(remove) == 0 {
			return pruned, removed
		}
		if len(prune)+len(remove) > limit {
			b.t.Fatalf("%d and %d expired, limit %d", len(prune), len(remove), limit)
		}
		pruned, removed = pruned+len(prune), removed+len(remove)
		for _, uid := range remove {
			prune = append(prune, event.Record{Kind: event.Removed, Task: &task.Task{Metadata: task.Metadata{UID: uid}}})
		}
		b.do(prune...)
	}
	b.t.Fatal("the sweep does not end")
	return 0, 0
}

func TestExpiredForgetsRunsThenTasks(t *testing.T) {
	b := setup(t)
	r := made{name: "over"}.record()
	one := ended(r, day, false)
	two := ended(one, day.Add(30*time.Minute), true)
	b.do(r, one, two)
	b.do(made{name: "live"}.record())
	uid := r.Task.Metadata.UID
	if b.Kept(uid, 0) || !b.Kept(uid, 1) || !b.Kept(uid, 2) || b.Kept(uid, 3) || b.Kept(task.NewUID(day), 1) {
		t.Error("other runs are kept than 1 and 2")
	}
	attempts := func() int {
		l, err := b.Runs("over", task.RunQuery{})
		if err != nil {
			return -1
		}
		return len(l.Items)
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{
		{59 * time.Minute, 2}, {60 * time.Minute, 1}, {89 * time.Minute, 1}, {90 * time.Minute, -1},
	} {
		b.sweepAll(day.Add(tt.after), Retention{}, 10)
		if got := attempts(); got != tt.want {
			t.Errorf("after %v: %d runs, want %d", tt.after, got, tt.want)
		}
		if got := b.Kept(uid, 1); got != (tt.want == 2) {
			t.Errorf("after %v: run 1 is kept: %t", tt.after, got)
		}
	}
	if _, _, ok := b.Lookup("live"); !ok {
		t.Error("the live task was forgotten")
	}
}

func TestExpiredKeepsStatusOfLiveTasks(t *testing.T) {
	b := setup(t)
	r := made{name: "service"}.record()
	b.do(r)
	for i := range 300 {
		r = ended(r, day.Add(time.Duration(i)*time.Minute), false)
		b.do(r)
	}
	now := day.Add(300 * time.Minute)
	b.sweepAll(now, Retention{RunTTL: -1}, 10)
	if l, _ := b.Runs("service", task.RunQuery{Limit: 1000}); len(l.Items) != 256 || l.Items[0].Attempt != 45 {
		t.Errorf("%d runs from %d, want 256 from 45", len(l.Items), l.Items[0].Attempt)
	}
	b.sweepAll(now, Retention{}, 10)
	if l, _ := b.Runs("service", task.RunQuery{Limit: 1000}); len(l.Items) != 59 || l.Items[0].Attempt != 242 {
		t.Errorf("%d runs, want those of the last hour", len(l.Items))
	}
	b.sweepAll(now.Add(24*time.Hour), Retention{}, 10)
	if l, err := b.Runs("service", task.RunQuery{}); err != nil || len(l.Items) != 0 {
		t.Errorf("%d runs after a day, %v", len(l.Items), err)
	}
	if got, err := b.Get("service"); err != nil || got.Status.Attempt != 300 {
		t.Errorf("Get: %+v, %v", got, err)
	}
	c, restored := open(t, b.store)
	if len(restored.Live) != 1 {
		t.Fatalf("restored %d tasks", len(restored.Live))
	}
	c.do(ended(r, now, false))
	if l, err := c.Runs("service", task.RunQuery{}); err != nil || len(l.Items) != 1 {
		t.Errorf("%d runs after one more, %v", len(l.Items), err)
	}
}

func TestExpiredKeepsARunThatIsActive(t *testing.T) {
	b := setup(t)
	r := made{name: "a"}.record()
	start := next(r, event.Started, func(t *task.Task) { t.Status.Attempt, t.Status.Phase = 1, task.Running })
	start.Run = &task.Run{Attempt: 1, StartedAt: day}
	b.do(r, start)
	c, _ := open(t, b.store)
	for _, s := range []*bundle{b, c} {
		if pruned, removed := s.sweepAll(day.Add(time.Hour*999), Retention{MaxRuns: 1}, 10); pruned+removed > 0 {
			t.Errorf("%d pruned, %d removed of a task that runs", pruned, removed)
		}
	}
}

func TestExpiredGoesRound(t *testing.T) {
	for _, limit := range []int{1, 7, 100, 5000} {
		b := setup(t)
		const n = 3000
		var unit []event.Record
		for i := range n {
			r := made{name: fmt.Sprintf("t%04d", i), done: i%3 == 0}.record()
			unit = append(unit, r)
			if i%3 == 0 {
				unit = append(unit, ended(r, day, true))
			}
		}
		b.do(unit...)
		if limit == 1 {
			if prune, _ := b.Expired(day.Add(2*time.Hour), Retention{}, 1); len(prune) != 1 {
				t.Fatal("nothing expired")
			}
			continue
		}
		pruned, removed := b.sweepAll(day.Add(2*time.Hour), Retention{}, limit)
		if pruned != n/3 || removed != n/3 {
			t.Errorf("limit %d: %d pruned, %d removed, want %d each", limit, pruned, removed, n/3)
		}
		if got := len(b.view.byUID); got != n-n/3 || b.view.bySlot.Len() != got || b.view.byPhase.Len() != got {
			t.Errorf("limit %d: %d left, want %d", limit, got, n-n/3)
		}
	}
}

func TestExpiredKeepsForEver(t *testing.T) {
	b := setup(t)
	r := made{name: "a", done: true}.record()
	b.do(r, ended(r, day, true))
	if p, rm := b.sweepAll(day.Add(1e6*time.Hour), Retention{RunTTL: -1, TaskTTL: -1, MaxRuns: -1}, 10); p+rm > 0 {
		t.Errorf("%d pruned, %d removed", p, rm)
	}
}
