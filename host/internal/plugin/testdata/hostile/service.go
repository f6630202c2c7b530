package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

var (
	serving     = make(chan struct{}) // closed by the first Name
	servingOnce sync.Once
	written     = make(chan struct{}) // closed when what is written after the handshake has been
)

type service struct {
	pluginv1.UnimplementedRunnerServiceServer
	mu    sync.Mutex
	stops map[string]chan time.Duration
}

func newService() *service { return &service{stops: make(map[string]chan time.Duration)} }

// name is that of our file.
func name() string { return strings.TrimPrefix(os.Args[0], "solti-runner-") }

func (s *service) Name(context.Context, *pluginv1.NameRequest) (*pluginv1.NameResponse, error) {
	servingOnce.Do(func() { close(serving) })
	kind := &pluginv1.KindInfo{ApiVersion: "acme.dev/v1", Kind: "Probe", SupportsAll: os.Getenv("HOSTILE_ALL") != ""}
	if schema := os.Getenv("HOSTILE_SCHEMA"); schema != "" {
		kind.SpecSchema = []byte(schema)
	}
	r := &pluginv1.NameResponse{
		Name: name(), Version: "1.2.3", Kinds: []*pluginv1.KindInfo{kind}, Labels: map[string]string{"zone": "eu", "tier": "a"},
		Features: []string{"future"}, Limits: &pluginv1.Limits{},
	}
	switch mode {
	case "named":
		r.Name = "somebody-else"
	case "nokinds":
		r.Kinds = nil
	case "reserved":
		kind.ApiVersion = "solti.io/v1"
	case "twice":
		r.Kinds = append(r.Kinds, kind)
	case "bigschema":
		kind.SpecSchema = []byte(`{"x":"` + strings.Repeat("x", 300<<10) + `"}`)
	case "remoteref":
		kind.SpecSchema = []byte(`{"$ref":"https://example.com/x.json"}`)
	case "bigname":
		r.Version = strings.Repeat("v", 64<<20)
	case "hangname":
		forever()
	case "dieinname":
		os.Exit(9)
	case "max1":
		r.Limits.MaxRuns = 1
	case "settings":
		r.Features = append(r.Features, "configure")
		r.ConfigSchema = []byte(`{"properties": {"do": {"type": "string"}, "size": {"type": "integer", "maximum": 9}}}`)
	case "metrics":
		r.Features = append(r.Features, "metrics")
	case "settingsschema":
		r.ConfigSchema = []byte(`{"$ref":"https://example.com/x.json"}`)
	}
	return r, nil
}

func (s *service) Configure(_ context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	var settings struct{ Do string }
	if err := json.Unmarshal(r.GetConfigJson(), &settings); err != nil {
		return nil, err
	}
	switch settings.Do {
	case "refuse":
		return nil, refuse(codes.InvalidArgument, &pluginv1.ErrorDetail{
			Reason:     pluginv1.Reason_REASON_INVALID_SPEC,
			Violations: []*taskv1.FieldViolation{{Path: "pool.size", Message: "must not be odd"}, {Message: "is no good"}},
		})
	case "plain":
		return nil, status.Error(codes.Unknown, "no disk")
	case "die":
		os.Exit(7)
	case "hang":
		forever()
	}
	return &pluginv1.ConfigureResponse{Warnings: []*taskv1.FieldViolation{{Path: "do", Message: "taken: " + string(r.GetConfigJson())}}}, nil
}

func (s *service) Metrics(ctx context.Context, r *pluginv1.MetricsRequest) (*pluginv1.MetricsResponse, error) {
	text := "# HELP x_total X.\n"
	switch os.Getenv("HOSTILE_METRICS") {
	case "absent":
		return s.UnimplementedRunnerServiceServer.Metrics(ctx, r)
	case "garbage":
		text = "\x00\xff{{{"
	case "full":
		text = strings.Repeat("x", 1<<20)
	case "toolarge":
		text = strings.Repeat("x", 2<<20)
	case "enormous":
		text = strings.Repeat("x", 64<<20)
	case "fails":
		return nil, status.Error(codes.Internal, "no counters today")
	case "hang":
		forever()
	case "freeze":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		forever() // it takes a moment
	case "die":
		os.Exit(7)
	}
	return &pluginv1.MetricsResponse{Text: []byte(text)}, nil
}

func (s *service) Supports(ctx context.Context, r *pluginv1.SupportsRequest) (*pluginv1.SupportsResponse, error) {
	switch do(r.GetTask()) {
	case "no":
		return &pluginv1.SupportsResponse{Reason: "not today"}, nil
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case "big":
		return &pluginv1.SupportsResponse{Reason: strings.Repeat("r", 64<<20)}, nil
	}
	return &pluginv1.SupportsResponse{Supported: true}, nil
}

func (s *service) BuildTask(_ context.Context, r *pluginv1.BuildTaskRequest) (*pluginv1.BuildTaskResponse, error) {
	switch do(r.GetTask()) {
	case "invalid":
		return nil, refuse(codes.InvalidArgument, &pluginv1.ErrorDetail{
			Reason:     pluginv1.Reason_REASON_INVALID_SPEC,
			Violations: []*taskv1.FieldViolation{{Path: "spec.workload.spec.do", Message: "must not be invalid"}},
		})
	case "full":
		return nil, refuse(codes.ResourceExhausted, &pluginv1.ErrorDetail{
			Reason: pluginv1.Reason_REASON_CAPACITY, RetryAfter: durationpb.New(70 * time.Millisecond),
		})
	case "plain":
		return nil, status.Error(codes.Unknown, "something")
	}
	return &pluginv1.BuildTaskResponse{}, nil
}

func refuse(code codes.Code, d *pluginv1.ErrorDetail) error {
	st, err := status.New(code, "refused").WithDetails(d)
	if err != nil {
		panic(err)
	}
	return st.Err()
}

func (s *service) ReleaseTask(_ context.Context, r *pluginv1.ReleaseTaskRequest) (*pluginv1.ReleaseTaskResponse, error) {
	for _, h := range r.GetHandleIds() {
		os.Stderr.WriteString("released " + h + "\n")
	}
	return &pluginv1.ReleaseTaskResponse{}, nil
}

func (s *service) StopTask(_ context.Context, r *pluginv1.StopTaskRequest) (*pluginv1.StopTaskResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.stops[r.GetRunId()]; c != nil {
		select {
		case c <- r.GetGrace().AsDuration():
		default:
		}
	}
	return &pluginv1.StopTaskResponse{}, nil
}

// do returns what a task wants.
func do(t *taskv1.Task) string {
	var spec struct{ Do string }
	_ = json.Unmarshal(t.GetSpec().GetWorkload().GetSpecJson(), &spec)
	return spec.Do
}

type frame = pluginv1.Frame

func started() *frame {
	return &frame{Body: &pluginv1.Frame_Started{Started: &pluginv1.Started{ExternalId: "x1"}}}
}

func factual(facts map[string]string) *frame {
	return &frame{Body: &pluginv1.Frame_Started{Started: &pluginv1.Started{Facts: facts}}}
}

func output(offset uint64, data string) *frame {
	return &frame{Body: &pluginv1.Frame_Output{Output: &pluginv1.Output{
		Stream: pluginv1.Stream_STREAM_STDOUT, Offset: offset, Data: []byte(data),
	}}}
}

func exited(r pluginv1.Result, total uint64) *frame {
	return &frame{Body: &pluginv1.Frame_Exited{Exited: &pluginv1.Exited{Result: r, StdoutBytes: total}}}
}

const ok, canceled = pluginv1.Result_RESULT_SUCCEEDED, pluginv1.Result_RESULT_CANCELED

// scripts are attempts that send the same frames always. Sequence numbers are filled in unless set.
var scripts = map[string][]*frame{
	"":            {started(), output(0, "hello"), exited(ok, 5)},
	"empty":       {started(), exited(ok, 0)},
	"seq":         {started(), {Seq: 7, Body: output(0, "x").Body}, exited(ok, 1)},
	"seq0":        {{Seq: 2, Body: started().Body}},
	"early":       {output(0, "x"), started(), exited(ok, 1)},
	"facts":       {factual(map[string]string{"module": "sha256:0", "empty": ""}), exited(ok, 0)},
	"fact0":       {factual(map[string]string{"": "x"}), exited(ok, 0)},
	"factname":    {factual(map[string]string{strings.Repeat("n", 65): "x"}), exited(ok, 0)},
	"factsize":    {factual(map[string]string{"n": strings.Repeat("x", 16<<10)}), exited(ok, 0)},
	"started2":    {started(), started(), exited(ok, 0)},
	"hole":        {started(), output(5, "x"), exited(ok, 6)},
	"overlap":     {started(), output(0, "xx"), output(1, "x"), exited(ok, 3)},
	"nothing":     {started(), output(0, ""), exited(ok, 0)},
	"chunk":       {started(), output(0, strings.Repeat("x", 33<<10)), exited(ok, 33<<10)},
	"oversize":    {started(), output(0, strings.Repeat("x", 64<<20)), exited(ok, 64<<20)},
	"exited2":     {started(), exited(ok, 0), exited(ok, 0)},
	"after":       {started(), exited(ok, 0), output(0, "x")},
	"noresult":    {started(), exited(0, 0)},
	"badresult":   {started(), exited(99, 0)},
	"unstarted":   {exited(ok, 0)},
	"less":        {started(), output(0, "xx"), exited(ok, 1)},
	"more":        {started(), output(0, "xx"), exited(ok, 10)},
	"noexit":      {started()},
	"unknown":     {started(), {}, exited(ok, 0)},
	"startfailed": {exited(pluginv1.Result_RESULT_START_FAILED, 0)},
	"badstream": {started(), {Body: &pluginv1.Frame_Output{Output: &pluginv1.Output{Stream: 9, Data: []byte("x")}}},
		exited(ok, 0)},
	"gap": {started(), {Body: &pluginv1.Frame_Gap{Gap: &pluginv1.Gap{Stream: 1, Bytes: 100, Reason: "ring"}}},
		output(100, "x"), exited(ok, 101)},
}

func (s *service) RunTask(r *pluginv1.RunTaskRequest, stream grpc.ServerStreamingServer[pluginv1.RunTaskResponse]) error {
	what := do(r.GetBuild().GetTask())
	stop := make(chan time.Duration, 8)
	s.mu.Lock()
	s.stops[r.GetRunId()] = stop
	s.mu.Unlock()
	out := &sender{stream: stream}
	if script, ok := scripts[what]; ok {
		for _, f := range script {
			if err := out.send(f); err != nil {
				return err
			}
		}
		return nil
	}
	switch what {
	case "refused":
		return refuse(codes.InvalidArgument, &pluginv1.ErrorDetail{Reason: pluginv1.Reason_REASON_MISSING_FIELD})
	case "capacity":
		return refuse(codes.ResourceExhausted, &pluginv1.ErrorDetail{Reason: pluginv1.Reason_REASON_CAPACITY})
	case "error":
		return status.Error(codes.Unknown, "odd")
	}
	_ = out.send(started())
	switch what {
	case "env":
		text := strings.Join(os.Environ(), "\n")
		_ = out.send(output(0, text))
		return out.send(exited(ok, uint64(len(text))))
	case "die":
		os.Exit(7)
	case "sigstop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "task": // starts a process as a runner does, in a session of its own, and waits
		cmd := exec.Command("/bin/sh", "-c", "sleep 300 & sleep 300")
		cmd.Env = []string{"SOLTI_HOST_ID=" + os.Getenv("SOLTI_HOST_ID"), "SOLTI_RUN_ID=" + r.GetRunId(), "PATH=" + os.Getenv("PATH")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return err
		}
		_ = out.send(output(0, "up"))
	case "written":
		<-written
		return out.send(exited(ok, 0))
	}
	return s.untilStopped(what, stop, out)
}

// untilStopped waits for StopTask and ends then, or not.
func (s *service) untilStopped(what string, stop chan time.Duration, out *sender) error {
	for {
		select {
		case grace := <-stop:
			switch {
			case what == "stubborn", what == "untilforce" && grace > 0:
				continue
			case what == "freeze":
				_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
				forever() // it takes a moment
			}
			return out.send(exited(canceled, 0))
		case <-out.stream.Context().Done():
			return out.stream.Context().Err()
		}
	}
}

// A sender numbers frames.
type sender struct {
	stream grpc.ServerStreamingServer[pluginv1.RunTaskResponse]
	seq    uint64
}

func (s *sender) send(f *frame) error {
	s.seq++
	seq := f.Seq
	if seq == 0 {
		seq = s.seq
	}
	return s.stream.Send(&pluginv1.RunTaskResponse{Frames: []*frame{{Seq: seq, Body: f.Body}}})
}
