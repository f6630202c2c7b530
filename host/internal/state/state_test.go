package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/memory"
	"github.com/soltihq/solti-host/host/task"
)

func TestAppendShowsThenPublishesThenAnswers(t *testing.T) {
	b := setup(t)
	var order []string
	b.State.publish = func([]event.Record) {
		_, _, ok := b.Lookup("a")
		order = append(order, fmt.Sprintf("published, in view: %v", ok))
	}
	done := make(chan struct{})
	b.Append([]event.Record{made{name: "a"}.record()}, func(err error) {
		order = append(order, fmt.Sprintf("answered: %v", err))
		close(done)
	})
	<-done
	want := []string{"published, in view: true", "answered: <nil>"}
	if fmt.Sprint(order) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

func TestFailedCommitChangesNothing(t *testing.T) {
	f := &faulty{Store: memory.New(nil), commit: errDisk}
	b, _ := open(t, f)
	done := make(chan error, 1)
	b.Append([]event.Record{made{name: "a"}.record()}, func(err error) { done <- err })
	if err := <-done; !errors.Is(err, store.ErrBroken) || !errors.Is(err, errDisk) {
		t.Errorf("answered %v, want store.ErrBroken with its cause", err)
	}
	if _, err := b.Get("a"); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("Get: %v, want task.ErrNotFound", err)
	}
	if len(b.published) > 0 {
		t.Errorf("published %v", b.published)
	}
	if err := b.Accepting(); !errors.Is(err, task.ErrUnavailable) {
		t.Errorf("Accepting: %v, want task.ErrUnavailable", err)
	}
}

func TestGetReadsLiveAndFinishedTasks(t *testing.T) {
	b := setup(t)
	live, over := made{name: "live", slot: "s"}.record(), made{name: "over", slot: "s", done: true}.record()
	b.do(live, over)
	for _, r := range []event.Record{live, over} {
		byName, err := b.Get(r.Task.Metadata.Name)
		if err != nil || byName.Metadata.UID != r.Task.Metadata.UID || len(byName.Spec.Workload.Spec) == 0 {
			t.Errorf("Get(%s): %+v, %v", r.Task.Metadata.Name, byName, err)
		}
		byUID, err := b.GetUID(r.Task.Metadata.UID)
		if err != nil || byUID.Metadata.Name != r.Task.Metadata.Name {
			t.Errorf("GetUID(%s): %+v, %v", r.Task.Metadata.UID, byUID, err)
		}
		uid, done, ok := b.Lookup(r.Task.Metadata.Name)
		if uid != r.Task.Metadata.UID || done != (r.Task.Metadata.Name == "over") || !ok {
			t.Errorf("Lookup(%s): %v, %v, %v", r.Task.Metadata.Name, uid, done, ok)
		}
	}
	if _, err := b.GetUID(task.NewUID(day)); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("GetUID of nobody: %v", err)
	}
	b.do(event.Record{Kind: event.Removed, Task: over.Task})
	if _, err := b.Get("over"); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("Get after the removal: %v", err)
	}
}

func TestCountByPhaseFollowsEveryChange(t *testing.T) {
	b := setup(t)
	a, other := made{name: "a"}.record(), made{name: "b", phase: task.Failed, done: true}.record()
	b.do(a, other, made{name: "sys", system: true}.record())
	running := next(a, event.Started, func(t *task.Task) { t.Status.Phase = task.Running })
	for _, step := range []struct {
		record event.Record
		want   string
	}{
		{running, "map[failed:1 running:1]"},
		{ended(running, day, true), "map[failed:1 succeeded:1]"},
		{event.Record{Kind: event.Removed, Task: other.Task}, "map[succeeded:1]"},
	} {
		b.do(step.record)
		if got := fmt.Sprint(b.CountByPhase()); got != step.want {
			t.Errorf("got %s, want %s", got, step.want)
		}
	}
}

func TestOpenRestoresLiveTasksInOrder(t *testing.T) {
	b := setup(t)
	first, second := made{name: "first"}.record(), made{name: "second"}.record()
	first.Book.Order, second.Book.Order = 7, 3
	first.Count = event.Counters{Run: 4, Name: 5, Order: 7}
	b.do(first, second, made{name: "over", done: true}.record())
	c, restored := open(t, b.store)
	if n := len(restored.Live); n != 2 || restored.Live[0].Task.Metadata.Name != "second" || restored.Live[1].Book.Order != 7 {
		t.Errorf("restored %+v", restored.Live)
	}
	if restored.Meta.Count != first.Count || restored.Meta.Epoch != b.epoch {
		t.Errorf("meta %+v", restored.Meta)
	}
	wantNames(t, c.list(task.Query{}), "first", "over", "second")
	if got, want := c.list(task.Query{}).Metadata.ResourceVersion, b.list(task.Query{}).Metadata.ResourceVersion; got != want {
		t.Errorf("resource version %s after a restart, was %s", got, want)
	}
}

func TestOpenReportsTwoTasksOfOneName(t *testing.T) {
	s := memory.New(nil)
	a, b := made{name: "same"}.record(), made{name: "same"}.record()
	if err := s.Commit([]event.Record{a, b}); err != nil {
		t.Fatal(err)
	}
	st, restored := open(t, s)
	if len(restored.Live) != 1 || len(restored.Meta.Damaged) != 1 || !errors.Is(restored.Meta.Damaged[0].Err, store.ErrCorrupt) {
		t.Errorf("restored %d, damaged %v", len(restored.Live), restored.Meta.Damaged)
	}
	if got, err := st.Get("same"); err != nil || got.Metadata.UID != b.Task.Metadata.UID {
		t.Errorf("Get: %v, %v; want the later one", got, err)
	}
}

func TestWatchTellsTheNextChange(t *testing.T) {
	b := setup(t)
	a, other := made{name: "a"}.record(), made{name: "b"}.record()
	b.do(a, other)
	if _, _, err := b.Watch(task.NewUID(day)); !errors.Is(err, task.ErrNotFound) {
		t.Errorf("Watch of nobody: %v", err)
	}
	got, changed, err := b.Watch(a.Task.Metadata.UID)
	if err != nil || got.Status.Phase != task.Pending {
		t.Fatalf("Watch: %v, %v", got, err)
	}
	_, second, _ := b.Watch(a.Task.Metadata.UID)
	b.do(next(other, event.Updated, nil))
	select {
	case <-changed:
		t.Fatal("another task's change was told")
	default:
	}
	b.do(next(a, event.Started, func(t *task.Task) { t.Status.Phase = task.Running }))
	for _, c := range []<-chan struct{}{changed, second} {
		select {
		case <-c:
		case <-time.After(5 * time.Second):
			t.Fatal("the change was not told")
		}
	}
	_, changed, _ = b.Watch(a.Task.Metadata.UID)
	b.do(event.Record{Kind: event.Removed, Task: a.Task})
	<-changed
	if len(b.watched) != 0 {
		t.Errorf("%d watches left", len(b.watched))
	}
}

func TestAcceptDisplacesAnEntryOfTheSameName(t *testing.T) {
	b := setup(t)
	old, young := made{name: "same", slot: "x"}.record(), made{name: "same", slot: "y"}.record()
	b.do(old, young)
	wantNames(t, b.list(task.Query{Slot: "x"}))
	wantNames(t, b.list(task.Query{Slot: "y"}), "same")
	wantNames(t, b.list(task.Query{}), "same")
}

func TestUnreadableTaskIsListedAndSaysSo(t *testing.T) {
	f := &faulty{Store: memory.New(nil), read: map[task.UID]error{}}
	b, _ := open(t, f)
	bad := made{name: "bad", slot: "s", labels: map[string]string{"k": "v"}, phase: task.Succeeded, done: true}.record()
	b.do(bad, made{name: "good", done: true}.record())
	f.read[bad.Task.Metadata.UID] = fmt.Errorf("%w: bucket tasks", store.ErrCorrupt)
	l := b.list(task.Query{})
	wantNames(t, l, "bad", "good")
	got := l.Items[0]
	if got.Status.Error == nil || !strings.Contains(got.Status.Error.Message, "corrupt") || got.Metadata.Labels["k"] != "v" || got.Spec.Slot != "s" {
		t.Errorf("got %+v", got)
	}
	if _, err := b.Get("bad"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Get: %v, want store.ErrCorrupt", err)
	}
	f.read[bad.Task.Metadata.UID] = fmt.Errorf("gone: %w", task.ErrNotFound)
	wantNames(t, b.list(task.Query{}), "good")
}
