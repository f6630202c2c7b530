package api

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
	apiv1 "github.com/soltihq/solti-host/shared/proto/solti/api/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// rpc serves gRPC and returns a client of it.
func (b *bundle) rpc(t *testing.T) apiv1.TaskServiceClient {
	t.Helper()
	socket := b.dir + "/" + task.GRPCSocketFile
	if err := b.server.ServeGRPC(socket); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30), grpc.MaxCallRecvMsgSize(MaxBody)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return apiv1.NewTaskServiceClient(conn)
}

// drawTask makes some valid submission.
func drawTask(t *rapid.T) *task.Task {
	wait := rapid.Map(rapid.Int64Range(1, 1e15), func(n int64) task.Duration { return task.Duration(n) })
	labels := rapid.MapOfN(rapid.StringMatching(`[a-z]{1,8}`), rapid.StringMatching(`[A-Za-z0-9]{0,8}`), 1, 3)
	s := task.Spec{
		Slot:         task.Slot(rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`).Draw(t, "slot")),
		Timeout:      rapid.OneOf(rapid.Just(task.Duration(0)), wait).Draw(t, "timeout"),
		StartTimeout: rapid.OneOf(rapid.Just(task.Duration(0)), wait).Draw(t, "startTimeout"),
		Restart:      task.Restart{Policy: rapid.SampledFrom(append([]task.RestartPolicy{""}, policies...)).Draw(t, "policy")},
		Admission:    rapid.SampledFrom(append([]task.Admission{""}, admissions...)).Draw(t, "admission"),
		Workload: task.Workload{
			APIVersion: "acme.dev/v1", Kind: "Probe",
			Spec: []byte(rapid.SampledFrom([]string{`{}`, `{"a":[1,null,"x"]}`, `{"n":1e300}`}).Draw(t, "spec")),
		},
	}
	if s.Restart.Policy == task.Always {
		s.Restart.Interval = wait.Draw(t, "interval")
	}
	if rapid.Bool().Draw(t, "has backoff") {
		first := wait.Draw(t, "first")
		s.Backoff = &task.Backoff{
			First: first, Max: first * 2, Factor: rapid.Float64Range(1, 100).Draw(t, "factor"),
			Jitter: rapid.SampledFrom(append([]task.Jitter{""}, jitters...)).Draw(t, "jitter"),
		}
	}
	if retries := s.Restart.Policy == task.OnFailure || s.Restart.Policy == task.Always; retries && rapid.Bool().Draw(t, "has retries") {
		n := rapid.IntRange(1, task.MaxRetries).Draw(t, "retries")
		s.MaxRetries = &n
	}
	if rapid.Bool().Draw(t, "has selector") {
		s.RunnerSelector = &task.Selector{MatchLabels: labels.Draw(t, "selector"), MatchExpressions: []task.Requirement{
			{Key: "zone", Operator: task.In, Values: []string{"eu", "us"}}, {Key: "old", Operator: task.DoesNotExist},
		}}
	}
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask, Spec: s,
		Metadata: task.Metadata{Name: "n", Labels: labels.Draw(t, "labels"), Annotations: map[string]string{"note": "é\n"}},
	}
}

func TestTasksCrossTheWireWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawTask(t)
		if err := want.Validate(); err != nil {
			t.Fatalf("the drawn task: %v", err)
		}
		b, err := proto.Marshal(taskToWire(want))
		if err != nil {
			t.Fatal(err)
		}
		var w taskv1.Task
		if err := proto.Unmarshal(b, &w); err != nil {
			t.Fatal(err)
		}
		got, err := taskFromWire(&w)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := want.JSON()
		c, _ := got.JSON()
		if string(a) != string(c) {
			t.Fatalf("got  %s\nwant %s", c, a)
		}
	})
}

// What the host says of a task has a field on the wire for every field here.
func TestStatusAndRunCrossTheWireWhole(t *testing.T) {
	code, now := 7, time.Unix(1700000000, 5).UTC()
	failure := &task.Failure{Reason: task.ReasonExit, Message: "m", Violations: []task.FieldError{{Path: "p", Message: "v"}}}
	s := task.Status{
		ObservedGeneration: 1, Phase: task.Exhausted, Attempt: 2, Runner: "r", RunID: "r-s-1", ExitCode: &code, Signal: "SIGKILL",
		Error: failure, NextAt: now, Waiting: "slot", Outcome: &task.Outcome{Kind: task.OutcomeLost, Reason: "r", Message: "m", FinishedAt: now},
	}
	r := task.Run{
		Attempt: 1, Generation: 2, RunID: "id", Runner: "r", Workload: "w", Phase: task.LostRun, StartedAt: now, FinishedAt: now,
		ExitCode: &code, Signal: "SIGTERM", Error: failure, StdoutBytes: 1, StderrBytes: 2, Dropped: 3, OutputRef: []byte{1},
		Facts: map[string]string{"module": "sha256:0"},
	}
	m := task.Metadata{
		Name: "n", UID: task.NewUID(now), Generation: 1, ResourceVersion: "v", CreationTimestamp: now, DeletionTimestamp: now,
		Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
	}
	for name, v := range map[string]any{"Status": s, "Run": r, "Metadata": m} {
		rv := reflect.ValueOf(v)
		for i := range rv.NumField() {
			if rv.Field(i).IsZero() {
				t.Errorf("%s.%s: the test must set it", name, rv.Type().Field(i).Name)
			}
		}
	}
	for name, w := range map[string]proto.Message{"Status": statusToWire(&s), "Run": runToWire(&r), "Metadata": metadataToWire(&m)} {
		fields := w.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if !w.ProtoReflect().Has(fields.Get(i)) {
				t.Errorf("%s.%s is not sent", name, fields.Get(i).Name())
			}
		}
	}
	w := statusToWire(&s)
	if w.GetPhase() != taskv1.Phase_PHASE_EXHAUSTED || w.GetOutcome().GetKind() != taskv1.OutcomeKind_OUTCOME_KIND_LOST ||
		w.GetExitCode() != 7 || !w.GetNextAt().AsTime().Equal(now) || w.GetError().GetViolations()[0].GetPath() != "p" {
		t.Errorf("got %v", w)
	}
}

func TestVocabulariesMatchTheEnums(t *testing.T) {
	for name, pair := range map[string][2]int{
		"policies": {len(policies), len(taskv1.RestartPolicy_name)}, "jitters": {len(jitters), len(taskv1.Jitter_name)},
		"admissions": {len(admissions), len(taskv1.Admission_name)}, "phases": {len(phases), len(taskv1.Phase_name)},
		"outcomes": {len(outcomes), len(taskv1.OutcomeKind_name)},
	} {
		if pair[0]+1 != pair[1] {
			t.Errorf("%s: %d words for %d numbers", name, pair[0], pair[1])
		}
	}
	norm := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for i, w := range phases {
		if got := norm(taskv1.Phase(i + 1).String()); got != "phase"+norm(string(w)) {
			t.Errorf("%s is %s", w, got)
		}
	}
	for i, w := range outcomes {
		if got := norm(taskv1.OutcomeKind(i + 1).String()); got != "outcomekind"+norm(string(w)) {
			t.Errorf("%s is %s", w, got)
		}
	}
	for i, w := range admissions {
		if got := norm(taskv1.Admission(i + 1).String()); got != "admission"+norm(string(w)) {
			t.Errorf("%s is %s", w, got)
		}
	}
}

func TestRPCsFromCreationToDeletion(t *testing.T) {
	b := setup(t)
	c, ctx := b.rpc(t), t.Context()
	decoded, err := task.Decode([]byte(goodTask))
	if err != nil {
		t.Fatal(err)
	}
	w := taskToWire(decoded)
	created, err := c.CreateTask(ctx, &apiv1.CreateTaskRequest{Task: w, IdempotencyKey: "k"})
	if err != nil || created.GetTask().GetMetadata().GetUid() == "" {
		t.Fatalf("create: %v, %v", created, err)
	}
	// The same task by another transport is the same request.
	if resp, body := b.send(t, call{"POST", pathTasks, goodTask, []string{"Idempotency-Key", "k"}}); resp.StatusCode != 201 {
		t.Errorf("the same key over HTTP: %d %s", resp.StatusCode, body)
	}
	uid := created.GetTask().GetMetadata().GetUid()
	if got, err := c.GetTask(ctx, &apiv1.GetTaskRequest{Name: "good", Uid: uid}); err != nil || got.GetTask().GetSpec().GetSlot() != "s" {
		t.Errorf("get: %v, %v", got, err)
	}
	applied, err := c.ApplyTask(ctx, &apiv1.ApplyTaskRequest{Task: w, Uid: uid})
	if err != nil || applied.GetApplied() != "unchanged" {
		t.Errorf("apply: %v, %v", applied, err)
	}
	list, err := c.ListTasks(ctx, &apiv1.ListTasksRequest{Slot: "s", Phases: []taskv1.Phase{taskv1.Phase_PHASE_PENDING}, LabelSelector: "!x"})
	if err != nil || len(list.GetTasks()) != 1 {
		t.Errorf("list: %v, %v", list, err)
	}
	if runs, err := c.ListRuns(ctx, &apiv1.ListRunsRequest{Name: "good"}); err != nil || runs.GetUid() != uid {
		t.Errorf("runs: %v, %v", runs, err)
	}
	if _, err := c.CancelTask(ctx, &apiv1.CancelTaskRequest{Name: "good", Uid: uid}); err != nil {
		t.Errorf("cancel: %v", err)
	}
	if gone, err := c.DeleteTask(ctx, &apiv1.DeleteTaskRequest{Name: "good"}); err != nil || !gone.GetGone() {
		t.Errorf("delete: %v, %v", gone, err)
	}
}

func TestRPCRefusals(t *testing.T) {
	b := setup(t)
	c, ctx := b.rpc(t), t.Context()
	decoded, err := task.Decode([]byte(goodTask))
	if err != nil {
		t.Fatal(err)
	}
	create := func(change func(*taskv1.Task)) error {
		w := taskToWire(decoded)
		change(w)
		_, err := c.CreateTask(ctx, &apiv1.CreateTaskRequest{Task: w})
		return err
	}
	tests := []struct {
		name   string
		err    error
		code   codes.Code
		reason task.Reason
		field  string
	}{
		{"nothing", create(func(w *taskv1.Task) { w.Reset() }), codes.InvalidArgument, task.ReasonInvalid, "spec.slot"},
		{"spec that is no object", create(func(w *taskv1.Task) { w.Spec.Workload.SpecJson = []byte("[1]") }), codes.InvalidArgument, task.ReasonInvalid, "spec.workload.spec"},
		{"spec that is no JSON", create(func(w *taskv1.Task) { w.Spec.Workload.SpecJson = []byte("\xff") }), codes.InvalidArgument, task.ReasonInvalid, "spec.workload.spec"},
		{"duplicate key", create(func(w *taskv1.Task) { w.Spec.Workload.SpecJson = []byte(`{"a":1,"a":2}`) }), codes.InvalidArgument, task.ReasonInvalid, "spec.workload.spec"},
		{"unknown admission", create(func(w *taskv1.Task) { w.Spec.Admission = 99 }), codes.InvalidArgument, task.ReasonInvalid, "spec.admission"},
		{"endless time", create(func(w *taskv1.Task) { w.Spec.Timeout = &durationpb.Duration{Seconds: math.MaxInt64} }), codes.InvalidArgument, task.ReasonInvalid, "spec.timeout"},
		{"no number", create(func(w *taskv1.Task) { w.Spec.Backoff = &taskv1.Backoff{Factor: math.NaN()} }), codes.InvalidArgument, task.ReasonInvalid, "spec.backoff.factor"},
		{"5 MiB", create(func(w *taskv1.Task) { w.Spec.Workload.SpecJson = make([]byte, 5<<20) }), codes.ResourceExhausted, "", ""},
		{"unknown task", func() error { _, err := c.GetTask(ctx, &apiv1.GetTaskRequest{Name: "x"}); return err }(), codes.NotFound, task.ReasonNotFound, ""},
		{"no uid", func() error { _, err := c.GetTask(ctx, &apiv1.GetTaskRequest{Uid: "x"}); return err }(), codes.InvalidArgument, task.ReasonBadRequest, "uid"},
		{"large page", func() error { _, err := c.ListTasks(ctx, &apiv1.ListTasksRequest{Limit: 1001}); return err }(), codes.InvalidArgument, task.ReasonInvalid, "limit"},
		{"no phase", func() error {
			_, err := c.ListTasks(ctx, &apiv1.ListTasksRequest{Phases: []taskv1.Phase{0}})
			return err
		}(), codes.InvalidArgument, task.ReasonInvalid, "phases"},
	}
	for _, tt := range tests {
		st, _ := status.FromError(tt.err)
		var f *taskv1.Failure
		for _, d := range st.Details() {
			f, _ = d.(*taskv1.Failure)
		}
		field := ""
		if v := f.GetViolations(); len(v) > 0 {
			field = v[0].GetPath()
		}
		if st.Code() != tt.code || task.Reason(f.GetReason()) != tt.reason || !strings.HasPrefix(field, tt.field) || tt.field == "" && field != "" {
			t.Errorf("%s: %v %s at %q, want %v %s at %q", tt.name, st, f.GetReason(), field, tt.code, tt.reason, tt.field)
		}
	}
	if n := b.host.writes(); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
	b.host.refuse(errors.New("secret of the host"))
	if _, err := c.GetTask(ctx, &apiv1.GetTaskRequest{Name: "x"}); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	b.host.refuse(&task.Error{Reason: task.ReasonInternal, Message: strings.Repeat("é", 32<<10)})
	if _, err := c.GetTask(ctx, &apiv1.GetTaskRequest{Name: "x"}); status.Code(err) != codes.Internal || len(err.Error()) > 3<<10 {
		t.Errorf("a long message: %d bytes", len(err.Error()))
	}
}

func TestRPCOutputFollowsAndEndsWithTheServer(t *testing.T) {
	b := setup(t)
	c := b.rpc(t)
	_, out := b.running(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := c.StreamOutput(ctx, &apiv1.StreamOutputRequest{Name: "good", Follow: true, StdoutOffset: 1})
	if err != nil {
		t.Fatal(err)
	}
	out.add(stdout("abc"))
	out.add(task.Chunk{Stream: task.Stderr, Gap: 2, Why: "lost"})
	out.add(task.Chunk{Ended: &task.Run{Attempt: 1, Phase: task.Failed}})
	var got []*apiv1.StreamOutputResponse
	for range 3 {
		r, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if d := got[0].GetChunk(); string(d.GetData()) != "bc" || d.GetOffset() != 1 || d.GetStream() != "stdout" {
		t.Errorf("got %v", got[0])
	}
	if g := got[1].GetGap(); g.GetBytes() != 2 || g.GetReason() != "lost" || got[2].GetEnded().GetPhase() != "failed" {
		t.Errorf("got %v, %v", got[1], got[2])
	}
	b.shutdown(t)
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable || errors.Is(err, io.EOF) {
		t.Errorf("at shutdown: %v", err)
	}
}

// A call whose client does not read is ended; the connection's other calls and other readers go on.
func TestStalledRPCIsEnded(t *testing.T) {
	t.Parallel()
	const patience = 500 * time.Millisecond
	b := setup(t, func(o *Options) { o.patience = patience })
	c := b.rpc(t)
	_, out := b.running(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stalled, err := c.StreamOutput(ctx, &apiv1.StreamOutputRequest{Name: "good", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	b.waitInFlight(t, 1)
	piece := strings.Repeat("x", 32<<10)
	for range 100 {
		out.add(stdout(piece)) // 3 MiB, more than flow control lets through
	}
	b.waitInFlight(t, 0)
	b.observer.mu.Lock()
	if got := b.observer.seen[0]; got.Status != "DeadlineExceeded" || got.Method != "StreamOutput" {
		t.Errorf("observed %+v", got)
	}
	b.observer.mu.Unlock()
	if _, err := c.GetTask(ctx, &apiv1.GetTaskRequest{Name: "good"}); err != nil {
		t.Errorf("another call on the connection: %v", err)
	}
	n, whole := 0, 100*len(piece)
	for {
		r, err := stalled.Recv()
		if err != nil {
			if status.Code(err) != codes.DeadlineExceeded || n == 0 || n == whole {
				t.Errorf("after %d of %d bytes: %v", n, whole, err)
			}
			break
		}
		n += len(r.GetChunk().GetData())
	}
	next, err := c.StreamOutput(ctx, &apiv1.StreamOutputRequest{Name: "good", Attempt: 1, StdoutOffset: uint64(n)})
	if err != nil {
		t.Fatal(err)
	}
	for n < whole {
		r, err := next.Recv()
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", n, whole, err)
		}
		n += len(r.GetChunk().GetData())
	}
}

// A client that takes nothing off its socket loses the connection.
func TestStalledConnectionIsClosed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := (&patientListener{Listener: l, patience: 200 * time.Millisecond}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for err == nil {
		_, err = conn.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want that the deadline is over", err)
	}
}

func TestRPCsAreObserved(t *testing.T) {
	b := setup(t)
	c := b.rpc(t)
	_, _ = c.GetTask(t.Context(), &apiv1.GetTaskRequest{Name: "x"})
	b.waitInFlight(t, 0)
	b.observer.mu.Lock()
	defer b.observer.mu.Unlock()
	got := b.observer.seen[0]
	got.Duration = 0
	if want := (Request{Transport: "grpc", Method: "GetTask", Path: "/solti.api.v1.TaskService", Status: "NotFound"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
