package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// AppliedHeader tells what an apply did: created, configured or unchanged.
const AppliedHeader = "Solti-Applied"

func (s *Server) createTask(w http.ResponseWriter, r *http.Request) error {
	p := readParams(r, "dryRun")
	o := CreateOptions{DryRun: p.flag("dryRun")}
	if err := p.err(); err != nil {
		return err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	doc, err := readTask(r, w)
	if err != nil {
		return err
	}
	if key != "" && !o.DryRun {
		o.Key = key
		if o.Digest, err = digest(doc.Task); err != nil {
			return err
		}
	}
	stored, err := s.backend.Tasks.Create(r.Context(), doc.Task, o)
	if err != nil {
		return doc.blame(err)
	}
	if o.DryRun {
		return respond(w, http.StatusOK, stored)
	}
	w.Header()["Location"] = []string{taskURL(stored.Metadata.Name)}
	return respond(w, http.StatusCreated, stored)
}

func taskURL(name task.Name) string { return pathTasks + "/" + url.PathEscape(string(name)) }

func (s *Server) applyTask(w http.ResponseWriter, r *http.Request) error {
	p := readParams(r, "uid", "resourceVersion", "dryRun")
	o := ApplyOptions{UID: p.uid("uid"), ResourceVersion: p.text("resourceVersion"), DryRun: p.flag("dryRun")}
	if err := p.err(); err != nil {
		return err
	}
	doc, err := readTask(r, w)
	if err != nil {
		return err
	}
	if err := nameFromPath(doc.Task, r.PathValue("name")); err != nil {
		return doc.blame(err)
	}
	stored, applied, err := s.backend.Tasks.Apply(r.Context(), doc.Task, o)
	if err != nil {
		return doc.blame(err)
	}
	w.Header()[AppliedHeader] = []string{string(applied)}
	if applied == task.AppliedCreated && !o.DryRun {
		return respond(w, http.StatusCreated, stored)
	}
	return respond(w, http.StatusOK, stored)
}

// nameFromPath gives a task without a name that of the path, and refuses another one.
func nameFromPath(t *task.Task, name string) error {
	if t.Metadata.Name == "" {
		t.Metadata.Name = task.Name(name)
	}
	if string(t.Metadata.Name) != name {
		return badField("metadata.name", "it differs from the name in the path, "+name)
	}
	return nil
}

// Bounds of a long poll.
const (
	defaultPoll = 30 * time.Second
	maxPoll     = 5 * time.Minute
)

func (s *Server) getTask(w http.ResponseWriter, r *http.Request) error {
	p := readParams(r, "uid", "waitFor", "timeout")
	uid, wait := p.uid("uid"), p.text("waitFor")
	timeout := p.duration("timeout", defaultPoll, maxPoll)
	if p.has("waitFor") && wait != "outcome" {
		p.fail("waitFor", "want outcome")
	}
	if p.has("timeout") && wait == "" {
		p.fail("timeout", "it needs waitFor=outcome")
	}
	if err := p.err(); err != nil {
		return err
	}
	t, err := s.find(task.Name(r.PathValue("name")), uid)
	if err != nil {
		return err
	}
	if wait != "" && !t.Status.Done() {
		if t, err = s.await(r.Context(), t.Metadata.UID, timeout); err != nil {
			return err
		}
	}
	return respond(w, http.StatusOK, t)
}

// find returns the task of that name, which must have that uid unless it is zero.
func (s *Server) find(name task.Name, uid task.UID) (*task.Task, error) {
	t, err := s.backend.Tasks.Get(name)
	if err != nil {
		return nil, err
	}
	if !uid.IsZero() && t.Metadata.UID != uid {
		return nil, refuse(task.ReasonNotFound, "task "+string(name)+" is now another one, with uid "+t.Metadata.UID.String())
	}
	return t, nil
}

// await returns the task once it is over, or as it is when the time is up, the caller is gone or the
// server stops.
func (s *Server) await(ctx context.Context, uid task.UID, timeout time.Duration) (*task.Task, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		t, changed, err := s.backend.Tasks.Watch(uid)
		if err != nil || t.Status.Done() {
			return t, err
		}
		select {
		case <-changed:
		case <-timer.C:
			return t, nil
		case <-s.stopping.Done():
			return t, nil
		case <-ctx.Done():
			return t, nil
		}
	}
}

func (s *Server) listTasks(w http.ResponseWriter, r *http.Request) error {
	p := readParams(r, "slot", "phase*", "labelSelector", "limit", "continue", "system")
	q := task.Query{
		Slot: p.slot("slot"), Phases: p.phases("phase"), Labels: p.selector("labelSelector"),
		Limit: p.number("limit", task.MaxPage), Continue: p.text("continue"), System: p.flag("system"),
	}
	if err := p.err(); err != nil {
		return err
	}
	list, items, err := fitting(q.Limit, func(limit int) (*task.List, []*task.Task, error) {
		q.Limit = limit
		l, err := s.backend.Tasks.List(q)
		if err != nil {
			return nil, nil, err
		}
		return l, l.Items, nil
	}, itemJSON[*task.Task])
	if err != nil {
		return err
	}
	return respondPage(w, pageHead{list.APIVersion, list.Kind, list.Metadata, nil}, items)
}

func (s *Server) listRuns(w http.ResponseWriter, r *http.Request) error {
	p := readParams(r, "uid", "limit", "continue")
	q := task.RunQuery{UID: p.uid("uid"), Limit: p.number("limit", task.MaxPage), Continue: p.text("continue")}
	if err := p.err(); err != nil {
		return err
	}
	list, items, err := fitting(q.Limit, func(limit int) (*task.RunList, []task.Run, error) {
		q.Limit = limit
		l, err := s.backend.Tasks.Runs(task.Name(r.PathValue("name")), q)
		if err != nil {
			return nil, nil, err
		}
		return l, l.Items, nil
	}, itemJSON[task.Run])
	if err != nil {
		return err
	}
	return respondPage(w, pageHead{list.APIVersion, list.Kind, list.Metadata, &list.UID}, items)
}

func (s *Server) cancelTask(w http.ResponseWriter, r *http.Request) error {
	p := readParams(r, "uid")
	uid, name := p.uid("uid"), task.Name(r.PathValue("name"))
	if err := p.err(); err != nil {
		return err
	}
	if err := s.backend.Tasks.Cancel(r.Context(), name, uid); err != nil {
		return err
	}
	return respond(w, http.StatusAccepted, task.APIStatus{
		APIVersion: task.APIVersion, Kind: task.KindStatus, Status: task.StatusSuccess,
		Code: http.StatusAccepted, Message: "task " + string(name) + " is asked to end",
	})
}

func (s *Server) deleteTask(w http.ResponseWriter, r *http.Request) error {
	p := readParams(r, "uid")
	uid, name := p.uid("uid"), task.Name(r.PathValue("name"))
	if err := p.err(); err != nil {
		return err
	}
	gone, err := s.backend.Tasks.Delete(r.Context(), name, uid)
	if err != nil {
		return err
	}
	if !gone {
		t, err := s.backend.Tasks.Get(name)
		if err == nil && !t.Metadata.DeletionTimestamp.IsZero() {
			return respond(w, http.StatusAccepted, t)
		}
	}
	return respondDone(w, "task "+string(name)+" is deleted")
}
