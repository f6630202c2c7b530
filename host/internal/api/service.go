package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/soltihq/solti-host/host/task"
	apiv1 "github.com/soltihq/solti-host/shared/proto/solti/api/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// A taskService serves solti.api.v1 with the backend of its server. Its errors become statuses in
// the interceptors.
type taskService struct {
	apiv1.UnimplementedTaskServiceServer
	server *Server
}

func (s *taskService) tasks() Tasks { return s.server.backend.Tasks }

// CreateTask accepts a new task.
func (s *taskService) CreateTask(ctx context.Context, r *apiv1.CreateTaskRequest) (*apiv1.CreateTaskResponse, error) {
	o := CreateOptions{DryRun: r.GetDryRun()}
	t, err := taskFromWire(r.GetTask())
	if err != nil {
		return nil, err
	}
	if key := r.GetIdempotencyKey(); key != "" && !o.DryRun {
		if err := checkKey(key); err != nil {
			return nil, err
		}
		o.Key = key
		if o.Digest, err = digest(t); err != nil {
			return nil, err
		}
	}
	stored, err := s.tasks().Create(ctx, t, o)
	if err != nil {
		return nil, err
	}
	return &apiv1.CreateTaskResponse{Task: taskToWire(stored)}, nil
}

// ApplyTask creates or changes a task.
func (s *taskService) ApplyTask(ctx context.Context, r *apiv1.ApplyTaskRequest) (*apiv1.ApplyTaskResponse, error) {
	uid, err := uidFromWire(r.GetUid())
	if err != nil {
		return nil, err
	}
	t, err := taskFromWire(r.GetTask())
	if err != nil {
		return nil, err
	}
	if t.Metadata.Name == "" {
		return nil, badField("metadata.name", "an apply needs it")
	}
	o := ApplyOptions{UID: uid, ResourceVersion: r.GetResourceVersion(), DryRun: r.GetDryRun()}
	stored, applied, err := s.tasks().Apply(ctx, t, o)
	if err != nil {
		return nil, err
	}
	return &apiv1.ApplyTaskResponse{Task: taskToWire(stored), Applied: string(applied)}, nil
}

// GetTask reads one task.
func (s *taskService) GetTask(_ context.Context, r *apiv1.GetTaskRequest) (*apiv1.GetTaskResponse, error) {
	uid, err := uidFromWire(r.GetUid())
	if err != nil {
		return nil, err
	}
	t, err := s.server.find(task.Name(r.GetName()), uid)
	if err != nil {
		return nil, err
	}
	return &apiv1.GetTaskResponse{Task: taskToWire(t)}, nil
}

// ListTasks reads a page of tasks.
func (s *taskService) ListTasks(_ context.Context, r *apiv1.ListTasksRequest) (*apiv1.ListTasksResponse, error) {
	q, err := queryFromWire(r)
	if err != nil {
		return nil, err
	}
	list, items, err := fitting(q.Limit, func(limit int) (*task.List, []*task.Task, error) {
		q.Limit = limit
		l, err := s.tasks().List(q)
		if err != nil {
			return nil, nil, err
		}
		return l, l.Items, nil
	}, func(t *task.Task) (*taskv1.Task, int, error) {
		w := taskToWire(t)
		return w, proto.Size(w), nil
	})
	if err != nil {
		return nil, err
	}
	return &apiv1.ListTasksResponse{
		Tasks: items, ResourceVersion: list.Metadata.ResourceVersion, Continue: list.Metadata.Continue,
		RemainingItemCount: size(int64(list.Metadata.RemainingItemCount)),
	}, nil
}

func queryFromWire(r *apiv1.ListTasksRequest) (task.Query, error) {
	q := task.Query{Slot: task.Slot(r.GetSlot()), Continue: r.GetContinue(), System: r.GetSystem()}
	var e task.FieldErrors
	if q.Slot != "" {
		if err := q.Slot.Validate(); err != nil {
			e.Add("slot", "%v", err)
		}
	}
	for _, p := range r.GetPhases() {
		if p == taskv1.Phase_PHASE_UNSPECIFIED {
			e.Add("phases", "must be specified")
		}
		q.Phases = append(q.Phases, phases.word(int32(p), "phases", &e))
	}
	if text := r.GetLabelSelector(); text != "" {
		labels, err := task.ParseSelector(text)
		if err != nil {
			e.Add("label_selector", "%v", err)
		}
		q.Labels = labels
	}
	q.Limit = limitFromWire(r.GetLimit(), &e)
	return q, e.Err()
}

func limitFromWire(n uint32, e *task.FieldErrors) int {
	if n > task.MaxPage {
		e.Add("limit", "must be at most %d", task.MaxPage)
		return 0
	}
	return int(n)
}

// ListRuns reads a page of runs.
func (s *taskService) ListRuns(_ context.Context, r *apiv1.ListRunsRequest) (*apiv1.ListRunsResponse, error) {
	uid, err := uidFromWire(r.GetUid())
	if err != nil {
		return nil, err
	}
	var e task.FieldErrors
	q := task.RunQuery{UID: uid, Continue: r.GetContinue(), Limit: limitFromWire(r.GetLimit(), &e)}
	if e != nil {
		return nil, e
	}
	list, items, err := fitting(q.Limit, func(limit int) (*task.RunList, []task.Run, error) {
		q.Limit = limit
		l, err := s.tasks().Runs(task.Name(r.GetName()), q)
		if err != nil {
			return nil, nil, err
		}
		return l, l.Items, nil
	}, func(run task.Run) (*taskv1.Run, int, error) {
		w := runToWire(&run)
		return w, proto.Size(w), nil
	})
	if err != nil {
		return nil, err
	}
	return &apiv1.ListRunsResponse{Runs: items, Uid: list.UID.String(), Continue: list.Metadata.Continue}, nil
}

// CancelTask asks a task to end.
func (s *taskService) CancelTask(ctx context.Context, r *apiv1.CancelTaskRequest) (*apiv1.CancelTaskResponse, error) {
	uid, err := uidFromWire(r.GetUid())
	if err != nil {
		return nil, err
	}
	return &apiv1.CancelTaskResponse{}, s.tasks().Cancel(ctx, task.Name(r.GetName()), uid)
}

// DeleteTask removes a task.
func (s *taskService) DeleteTask(ctx context.Context, r *apiv1.DeleteTaskRequest) (*apiv1.DeleteTaskResponse, error) {
	uid, err := uidFromWire(r.GetUid())
	if err != nil {
		return nil, err
	}
	gone, err := s.tasks().Delete(ctx, task.Name(r.GetName()), uid)
	return &apiv1.DeleteTaskResponse{Gone: gone}, err
}

// StreamOutput reads output. A client that does not read holds nobody up, and is waited for as over
// HTTP.
func (s *taskService) StreamOutput(
	r *apiv1.StreamOutputRequest, stream grpc.ServerStreamingServer[apiv1.StreamOutputResponse],
) error {
	q, err := outputQueryFromWire(r)
	if err != nil {
		return err
	}
	reader, err := s.tasks().Output(task.Name(r.GetName()), q)
	if err != nil {
		return offsetError(err, "stdout_offset", "stderr_offset")
	}
	defer reader.Close()
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.server.stopping, func() { cancel(task.ErrClosed) })()
	out := newPatientStream(stream, s.server.options.patience, &s.server.sending)
	defer out.close()
	for {
		c, err := reader.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		}
		if err := out.send(chunkToWire(c)); err != nil {
			return err
		}
	}
}

func outputQueryFromWire(r *apiv1.StreamOutputRequest) (q task.OutputQuery, err error) {
	if q.UID, err = uidFromWire(r.GetUid()); err != nil {
		return q, err
	}
	var e task.FieldErrors
	switch r.GetStream() {
	case "":
	case task.Stdout.String():
		q.Stream = task.Stdout
	case task.Stderr.String():
		q.Stream = task.Stderr
	default:
		e.Add("stream", "must be stdout, stderr or empty")
	}
	q.From = task.Cursor{
		Attempt: int(r.GetAttempt()),
		Stdout:  offsetFromWire(r.GetStdoutOffset(), "stdout_offset", &e),
		Stderr:  offsetFromWire(r.GetStderrOffset(), "stderr_offset", &e),
	}
	q.Follow, q.Rest = r.GetFollow(), r.GetRest()
	return q, e.Err()
}

func offsetFromWire(n uint64, path string, e *task.FieldErrors) int64 {
	if n > 1<<62 {
		e.Add(path, "must be at most %d", uint64(1<<62))
		return 0
	}
	return int64(n) //nolint:gosec // bounded here
}

func uidFromWire(s string) (task.UID, error) {
	uid, err := task.ParseUID(s)
	if err != nil {
		return uid, badField("uid", fmt.Sprintf("%q is %v", s, err))
	}
	return uid, nil
}
