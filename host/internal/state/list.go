package state

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/task"
)

// pageBytes bounds the items of a page. An item that is larger comes alone.
const pageBytes = 4 << 20

// List returns the tasks that a query selects, by name. A page has what was so at one moment, but for
// tasks that were forgotten meanwhile, which are left out; the next page has what is so then. A token
// that was not made for this list gives an error wrapping task.ErrExpired.
func (s *State) List(q task.Query) (*task.List, error) {
	list := taskList(&q)
	after, err := s.unseal(list, q.Continue)
	if err != nil {
		return nil, err
	}
	f := newFilter(&q)
	s.mu.RLock()
	p := s.view.page(f, task.Name(after), clamp(q.Limit))
	revision := s.revision
	s.mu.RUnlock()

	out := &task.List{
		APIVersion: task.APIVersion, Kind: "TaskList",
		Metadata: task.ListMeta{ResourceVersion: s.version(revision)},
		Items:    make([]*task.Task, 0, len(p.entries)),
	}
	size, taken := 0, 0
	for i := range p.entries {
		t, err := s.listed(&p.entries[i])
		if err != nil {
			return nil, err
		}
		if t != nil {
			if size += sizeOf(t); size > pageBytes && len(out.Items) > 0 {
				break
			}
			out.Items = append(out.Items, t)
		}
		taken++
	}
	if cut := len(p.entries) - taken; p.more || cut > 0 {
		out.Metadata.Continue = s.seal(list, string(p.entries[taken-1].name))
		if p.counted {
			out.Metadata.RemainingItemCount = p.remaining + cut
		}
	}
	return out, nil
}

// listed returns the task of an entry, or nil if it is gone. One that cannot be read is shown with what
// the entry has, and says so.
func (s *State) listed(e *entry) (*task.Task, error) {
	t, err := s.whole(e)
	switch {
	case errors.Is(err, task.ErrNotFound):
		return nil, nil
	case errors.Is(err, store.ErrCorrupt):
		s.log.Error("a task cannot be read", "task", e.name, "uid", e.uid, "error", err)
		return stub(e, err), nil
	}
	return t, err
}

func stub(e *entry, err error) *task.Task {
	t := &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{Name: e.name, UID: e.uid, Labels: unpack(e.labels.Value())},
		Spec:     task.Spec{Slot: e.slot},
		Status: task.Status{
			Attempt: int(e.last),
			Error:   &task.Failure{Reason: task.ReasonIO, Message: task.Truncate(err.Error())},
		},
	}
	if e.phase != noPhase {
		t.Status.Phase = task.Phases[e.phase]
	}
	return t
}

// clamp returns the size of a page that was asked for.
func clamp(limit int) int {
	if limit <= 0 {
		return task.DefaultPage
	}
	return min(limit, task.MaxPage)
}

// sizeOf returns about how many bytes a task has in an answer.
func sizeOf(t *task.Task) int {
	const frame = 1 << 10
	n := frame + len(t.Spec.Workload.Spec)
	for k, v := range t.Metadata.Annotations {
		n += len(k) + len(v)
	}
	for k, v := range t.Metadata.Labels {
		n += len(k) + len(v)
	}
	if o := t.Status.Outcome; o != nil {
		n += len(o.Message)
	}
	return n + sizeOfFailure(t.Status.Error)
}

func sizeOfFailure(f *task.Failure) int {
	if f == nil {
		return 0
	}
	n := len(f.Message)
	for _, v := range f.Violations {
		n += len(v.Path) + len(v.Message)
	}
	return n
}

// Runs returns the runs of the task with that name, oldest first. It returns an error wrapping
// task.ErrNotFound if there is no such task, or none with the UID of the query, and one wrapping
// task.ErrExpired if the token was made for another list.
func (s *State) Runs(name task.Name, q task.RunQuery) (*task.RunList, error) {
	s.mu.RLock()
	e, ok := s.view.copyOf(s.view.named(name))
	revision := s.revision
	s.mu.RUnlock()
	if !ok || !q.UID.IsZero() && q.UID != e.uid {
		return nil, fmt.Errorf("task %s: %w", name, task.ErrNotFound)
	}
	list := "runs" + e.uid.String()
	place, err := s.unseal(list, q.Continue)
	if err != nil {
		return nil, err
	}
	after, err := runPlace(place)
	if err != nil {
		return nil, err
	}
	runs, err := s.store.Runs(e.uid, after, clamp(q.Limit))
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", name, err)
	}
	out := &task.RunList{
		APIVersion: task.APIVersion, Kind: "RunList", UID: e.uid,
		Metadata: task.ListMeta{ResourceVersion: s.version(revision)},
		Items:    []task.Run{},
	}
	size := 0
	for i := range runs {
		if size += runFrame + sizeOfFailure(runs[i].Error); size > pageBytes && len(out.Items) > 0 {
			break
		}
		out.Items = append(out.Items, runs[i])
	}
	if n := len(out.Items); n > 0 {
		if last := out.Items[n-1].Attempt; last < int(e.last) {
			out.Metadata.RemainingItemCount = int(e.last) - last // attempts have no gaps
			out.Metadata.Continue = s.seal(list, strconv.Itoa(last))
		}
	}
	return out, nil
}

// runFrame is about how many bytes a run has in an answer, without its error.
const runFrame = 512
