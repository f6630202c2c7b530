package sdk

import (
	"context"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

const (
	maxID      = 128 // bytes of a handle id
	maxRelease = 1000
)

// Name answers who the runner is, the same every time.
func (s *Service) Name(context.Context, *pluginv1.NameRequest) (*pluginv1.NameResponse, error) {
	id, err := s.whoami()
	if err != nil {
		return nil, toStatus(err)
	}
	return id.response, nil
}

// Supports asks the runner about a task of a kind that it declares; to others the answer is no.
func (s *Service) Supports(
	ctx context.Context, req *pluginv1.SupportsRequest,
) (*pluginv1.SupportsResponse, error) {
	id, err := s.whoami()
	if err != nil {
		return nil, toStatus(err)
	}
	if kind := kindOf(req.Task); !id.kinds[kind] {
		no := UnsupportedKind(kind.apiVersion, kind.kind)
		return &pluginv1.SupportsResponse{Reason: no.Error()}, nil
	}
	var no error
	err = s.guard("Supports", func() error {
		no = s.runner.Supports(ctx, specOf(req.Task))
		return nil
	})
	switch {
	case err != nil:
		return nil, toStatus(err)
	case no == nil:
		return &pluginv1.SupportsResponse{Supported: true}, nil
	case ctx.Err() != nil:
		return nil, toStatus(ctx.Err())
	default:
		return &pluginv1.SupportsResponse{Reason: clip(no.Error(), maxStatusText)}, nil
	}
}

// BuildTask makes a handle.
func (s *Service) BuildTask(
	ctx context.Context, req *pluginv1.BuildTaskRequest,
) (*pluginv1.BuildTaskResponse, error) {
	if err := s.checkBuild(req); err != nil {
		return nil, toStatus(err)
	}
	if req.DryRun {
		task, warnings, err := s.build(ctx, req)
		if err != nil {
			return nil, toStatus(err)
		}
		s.drop(task)
		return &pluginv1.BuildTaskResponse{Warnings: warnings}, nil
	}
	h, err := s.handles.obtain(ctx, req)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pluginv1.BuildTaskResponse{Warnings: h.warnings}, nil
}

// checkBuild refuses what no runner should see.
func (s *Service) checkBuild(req *pluginv1.BuildTaskRequest) error {
	id, err := s.whoami()
	if err != nil {
		return err
	}
	switch kind := kindOf(req.Task); {
	case req.Task.GetSpec().GetWorkload() == nil:
		return misuse("task has no workload")
	case !req.DryRun && (req.HandleId == "" || len(req.HandleId) > maxID):
		return misuse("handle_id has %d bytes, want 1 to %d", len(req.HandleId), maxID)
	case !id.kinds[kind]:
		return UnsupportedKind(kind.apiVersion, kind.kind)
	case len(req.Task.Spec.Workload.SpecJson) > maxSpec:
		return InvalidSpec("", "has %d bytes, more than 4 MiB", len(req.Task.Spec.Workload.SpecJson))
	}
	return nil
}

// StopTask asks an attempt to end. A stop may come before its run does; it is then kept.
func (s *Service) StopTask(
	_ context.Context, req *pluginv1.StopTaskRequest,
) (*pluginv1.StopTaskResponse, error) {
	if req.RunId == "" {
		return nil, toStatus(misuse("run_id is missing"))
	}
	s.runs.stop(req.RunId, stopReasonOf(req.Reason), max(req.Grace.AsDuration(), 0))
	return &pluginv1.StopTaskResponse{}, nil
}

// ReleaseTask frees handles.
func (s *Service) ReleaseTask(
	_ context.Context, req *pluginv1.ReleaseTaskRequest,
) (*pluginv1.ReleaseTaskResponse, error) {
	if len(req.HandleIds) > maxRelease {
		return nil, toStatus(misuse("%d handles to release, at most %d", len(req.HandleIds), maxRelease))
	}
	s.handles.release(req.HandleIds)
	return &pluginv1.ReleaseTaskResponse{}, nil
}

// Configure hands the operator's settings to a [Configurer].
func (s *Service) Configure(
	ctx context.Context, req *pluginv1.ConfigureRequest,
) (*pluginv1.ConfigureResponse, error) {
	c, ok := s.runner.(Configurer)
	if !ok {
		return s.UnimplementedRunnerServiceServer.Configure(ctx, req)
	}
	err := s.guard("Configure", func() error { return c.Configure(ctx, req.ConfigJson) })
	if err != nil {
		return nil, toSettingsStatus(err)
	}
	return &pluginv1.ConfigureResponse{}, nil
}

// List names the live runs.
func (s *Service) List(context.Context, *pluginv1.ListRequest) (*pluginv1.ListResponse, error) {
	ids := s.runs.ids()
	list := &pluginv1.ListResponse{Runs: make([]*pluginv1.RunInfo, len(ids))}
	for i, id := range ids {
		list.Runs[i] = &pluginv1.RunInfo{RunId: id}
	}
	return list, nil
}
