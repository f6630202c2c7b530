package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/soltihq/solti-host/sdk"
	"github.com/soltihq/solti-host/sdk/sdktest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func forever(ctx context.Context, _ *sdk.Run) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func nothing(context.Context, *sdk.Run) error { return nil }

func TestNameSaysWhatTheRunnerSays(t *testing.T) {
	client := sdktest.Serve(t, runner{run: nothing})
	n, err := client.Name(t.Context(), &pluginv1.NameRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n.Name != "test" || n.Version != "1.2.3" || len(n.Kinds) != 1 || n.Kinds[0].Kind != "Test" {
		t.Errorf("got %v", n)
	}
	if got := strings.Join(n.Features, ","); got != "drain,list" {
		t.Errorf("features %s", got)
	}
}

func TestDefectiveNamesAreInternal(t *testing.T) {
	kind := sdk.Kind{APIVersion: "a.dev/v1", Kind: "K"}
	for name, info := range map[string]sdk.Info{
		"bad name":   {Name: "Bad Name", Kinds: []sdk.Kind{kind}},
		"no kinds":   {Name: "x"},
		"no group":   {Name: "x", Kinds: []sdk.Kind{{APIVersion: "v1", Kind: "K"}}},
		"twice":      {Name: "x", Kinds: []sdk.Kind{kind, kind}},
		"big schema": {Name: "x", Kinds: []sdk.Kind{{APIVersion: "a.dev/v1", Kind: "K", Schema: make([]byte, 257<<10)}}},
	} {
		t.Run(name, func(t *testing.T) {
			client := sdktest.Serve(t, runner{info: &info})
			_, err := client.Name(t.Context(), &pluginv1.NameRequest{})
			wantRefusal(t, err, codes.Internal, pluginv1.Reason_REASON_INTERNAL)
		})
	}
}

func TestSupports(t *testing.T) {
	client := sdktest.Serve(t, runner{supports: func(s *sdk.Spec) error {
		switch string(s.Raw) {
		case `{"no":1}`:
			return errors.New("not this one")
		case `{"panic":1}`:
			panic("on purpose")
		}
		return nil
	}})
	for _, test := range []struct{ spec, reason string }{
		{``, ""}, {`{}`, ""}, {`{"no":1}`, "not this one"},
	} {
		answer, err := client.Supports(t.Context(), &pluginv1.SupportsRequest{Task: taskOf(test.spec)})
		if err != nil || answer.Supported != (test.reason == "") || answer.Reason != test.reason {
			t.Errorf("%s: got %v, %v", test.spec, answer, err)
		}
	}
	_, err := client.Supports(t.Context(), &pluginv1.SupportsRequest{Task: taskOf(`{"panic":1}`)})
	wantRefusal(t, err, codes.Internal, pluginv1.Reason_REASON_INTERNAL)
	answer, err := client.Supports(t.Context(), &pluginv1.SupportsRequest{})
	if err != nil || answer.Supported || answer.Reason == "" {
		t.Errorf("no task at all: got %v, %v", answer, err)
	}
}

// A closingTask tells when it is closed.
type closingTask struct {
	taskFunc
	closed chan struct{}
}

func (c closingTask) Close() error {
	close(c.closed)
	return nil
}

func TestBuildOnce(t *testing.T) {
	var builds atomic.Int32
	release := make(chan struct{})
	client := sdktest.Serve(t, runner{build: func(_ context.Context, b *sdk.Build) (sdk.Task, error) {
		builds.Add(1)
		<-release
		b.Warn("old", "is deprecated")
		return taskFunc(nothing), nil
	}})
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			answer, err := client.BuildTask(t.Context(), buildRequest("h", `{}`))
			if err != nil || len(answer.Warnings) != 1 || answer.Warnings[0].Path != "spec.workload.spec.old" {
				t.Errorf("got %v, %v", answer, err)
			}
		})
	}
	for builds.Load() == 0 {
		runtime.Gosched()
	}
	close(release)
	calls.Wait()
	if n := builds.Load(); n != 1 {
		t.Errorf("built %d times", n)
	}
	_, err := client.BuildTask(t.Context(), buildRequest("h", `{"other": 1}`))
	wantRefusal(t, err, codes.AlreadyExists, pluginv1.Reason_REASON_CONFLICT)
}

func TestBookkeepingIsNotContent(t *testing.T) {
	client := sdktest.Serve(t, runner{run: nothing})
	req := buildRequest("h", `{}`)
	for _, version := range []string{"1", "2"} {
		req.Task.Metadata.ResourceVersion = version
		if _, err := client.BuildTask(t.Context(), req); err != nil {
			t.Errorf("resource version %s: %v", version, err)
		}
	}
}

func TestFailedBuildLeavesNothing(t *testing.T) {
	fail := errors.New("x")
	client := sdktest.Serve(t, runner{build: func(context.Context, *sdk.Build) (sdk.Task, error) {
		if fail == nil {
			return taskFunc(nothing), nil
		}
		return nil, fail
	}})
	for _, test := range []struct {
		err    error
		code   codes.Code
		reason pluginv1.Reason
	}{
		{sdk.MissingField("a"), codes.InvalidArgument, pluginv1.Reason_REASON_MISSING_FIELD},
		{sdk.IO(errors.New("disk")), codes.Unavailable, pluginv1.Reason_REASON_IO},
		{errors.New("bug"), codes.Internal, pluginv1.Reason_REASON_INTERNAL},
	} {
		fail = test.err
		_, err := client.BuildTask(t.Context(), buildRequest("h", `{}`))
		wantRefusal(t, err, test.code, test.reason)
		startRun(t, client, runRequest("h")).refused(t, test.code, test.reason)
	}
	fail = nil
	if _, err := client.BuildTask(t.Context(), buildRequest("h", `{}`)); err != nil {
		t.Errorf("after failures: %v", err)
	}
}

func TestCanceledBuildIsTriedAgainByWhoeverWaits(t *testing.T) {
	first := make(chan struct{})
	var builds atomic.Int32
	client := sdktest.Serve(t, runner{build: func(ctx context.Context, _ *sdk.Build) (sdk.Task, error) {
		if builds.Add(1) > 1 {
			return taskFunc(nothing), nil
		}
		close(first)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := client.BuildTask(ctx, buildRequest("h", `{}`))
		done <- err
	}()
	<-first
	second := make(chan error, 1)
	go func() {
		_, err := client.BuildTask(t.Context(), buildRequest("h", `{}`))
		second <- err
	}()
	cancel()
	if err := <-done; status.Code(err) != codes.Canceled {
		t.Errorf("the first got %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("the second got %v", err)
	}
}

func TestDryRunClosesWhatItBuilt(t *testing.T) {
	closed := make(chan struct{})
	client := sdktest.Serve(t, runner{build: func(_ context.Context, b *sdk.Build) (sdk.Task, error) {
		if !b.DryRun {
			t.Error("not a dry run")
		}
		return closingTask{nothing, closed}, nil
	}})
	req := buildRequest("", `{}`)
	req.DryRun = true
	if _, err := client.BuildTask(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	<-closed
}

func TestReleaseWaitsForTheAttempt(t *testing.T) {
	closed := make(chan struct{})
	client := sdktest.Serve(t, runner{build: func(context.Context, *sdk.Build) (sdk.Task, error) {
		return closingTask{forever, closed}, nil
	}})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	if _, err := client.ReleaseTask(t.Context(), &pluginv1.ReleaseTaskRequest{HandleIds: []string{"r", "?"}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
		t.Fatal("closed under a live attempt")
	default:
	}
	stopRun(t, client, "r", time.Second)
	wantResult(t, run.exited(t), pluginv1.Result_RESULT_CANCELED)
	<-closed
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	client := sdktest.Serve(t, runner{run: nothing})
	const code, reason = codes.InvalidArgument, pluginv1.Reason_REASON_INVALID_SPEC
	for name, req := range map[string]*pluginv1.BuildTaskRequest{
		"no task":     {HandleId: "h"},
		"no handle":   buildRequest("", `{}`),
		"long handle": buildRequest(strings.Repeat("h", 129), `{}`),
		"big spec":    buildRequest("h", strings.Repeat(" ", 4<<20+1)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.BuildTask(t.Context(), req)
			wantRefusal(t, err, code, reason)
		})
	}
	for name, req := range map[string]*pluginv1.RunTaskRequest{
		"no run":       {HandleId: "h"},
		"no handle":    {RunId: "r"},
		"other handle": {RunId: "r", HandleId: "h", Build: buildRequest("i", `{}`)},
	} {
		t.Run("run with "+name, func(t *testing.T) { startRun(t, client, req).refused(t, code, reason) })
	}
	_, err := client.StopTask(t.Context(), &pluginv1.StopTaskRequest{})
	wantRefusal(t, err, code, reason)
	_, err = client.ReleaseTask(t.Context(), &pluginv1.ReleaseTaskRequest{HandleIds: make([]string, 1001)})
	wantRefusal(t, err, code, reason)
}

func TestAbsentFeaturesAreUnimplemented(t *testing.T) {
	client := sdktest.Serve(t, runner{run: nothing})
	_, configure := client.Configure(t.Context(), &pluginv1.ConfigureRequest{})
	_, signal := client.Signal(t.Context(), &pluginv1.SignalRequest{})
	_, recovery := client.Recover(t.Context(), &pluginv1.RecoverRequest{})
	_, metrics := client.Metrics(t.Context(), &pluginv1.MetricsRequest{})
	for _, err := range []error{configure, signal, recovery, metrics} {
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("got %v", err)
		}
	}
}

type configured struct {
	runner
	settings chan string
}

func (c configured) Configure(_ context.Context, settings json.RawMessage) error {
	if string(settings) == `{}` {
		return sdk.MissingField("pool.size")
	}
	c.settings <- string(settings)
	return nil
}

func TestConfigure(t *testing.T) {
	r := configured{runner{run: nothing}, make(chan string, 1)}
	client := sdktest.Serve(t, r)
	if _, err := client.Configure(t.Context(), &pluginv1.ConfigureRequest{ConfigJson: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	if got := <-r.settings; got != `{"a":1}` {
		t.Errorf("got %s", got)
	}
	_, err := client.Configure(t.Context(), &pluginv1.ConfigureRequest{ConfigJson: []byte(`{}`)})
	wantRefusal(t, err, codes.InvalidArgument, pluginv1.Reason_REASON_MISSING_FIELD)
	if got := status.Convert(err).Message(); got != "pool.size: is required" {
		t.Errorf("message %q", got)
	}
}

func TestDrain(t *testing.T) {
	client := sdktest.Serve(t, runner{run: forever})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	list, err := client.List(t.Context(), &pluginv1.ListRequest{})
	if err != nil || len(list.Runs) != 1 || list.Runs[0].RunId != "r" || list.Runs[0].Exited {
		t.Errorf("List: %v, %v", list, err)
	}
	drain, err := client.Drain(t.Context(), &pluginv1.DrainRequest{Deadline: durationpb.New(50 * time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []uint32{1, 0} {
		if got, err := drain.Recv(); err != nil || got.LiveRuns != want {
			t.Fatalf("Drain: %v, %v, want %d", got, err, want)
		}
	}
	wantResult(t, run.exited(t), pluginv1.Result_RESULT_CANCELED)
	startRun(t, client, runRequest("s")).refused(t, codes.Unavailable, pluginv1.Reason_REASON_NOT_READY)
}

func TestStopNamesWhatIsLeft(t *testing.T) {
	free := make(chan struct{})
	service := sdk.NewService(runner{run: func(context.Context, *sdk.Run) error {
		<-free
		return nil
	}}, sdk.ServiceOptions{})
	client := sdktest.ServeWith(t, service)
	run := startRun(t, client, runRequest("stuck"))
	run.started(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := service.Stop(ctx, sdk.StopShutdown); err == nil || !strings.Contains(err.Error(), "stuck") {
		t.Errorf("got %v", err)
	}
	close(free)
	if err := service.Stop(t.Context(), sdk.StopShutdown); err != nil {
		t.Errorf("got %v", err)
	}
	run.exited(t)
}

func TestManyAttemptsAtOnce(t *testing.T) {
	client := sdktest.Serve(t, runner{run: func(_ context.Context, run *sdk.Run) error {
		_, err := fmt.Fprint(run.Stdout, run.ID)
		return err
	}})
	var runs sync.WaitGroup
	for i := range 100 {
		runs.Go(func() {
			id := fmt.Sprint("r", i)
			run := startRun(t, client, runRequest(id))
			out := run.until(t, func(f *pluginv1.Frame) bool { return f.GetOutput() != nil }).GetOutput()
			if string(out.Data) != id {
				t.Errorf("run %s printed %q", id, out.Data)
			}
			wantResult(t, run.exited(t), pluginv1.Result_RESULT_SUCCEEDED)
		})
	}
	runs.Wait()
}
