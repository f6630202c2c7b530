package sdktest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A suite is one call of Run.
type suite struct {
	Config
	seq atomic.Int64
}

// id makes an id that no other request of the suite has.
func (s *suite) id(word string) string {
	return fmt.Sprintf("sdktest-%s-%d", word, s.seq.Add(1))
}

// request asks for an attempt of w with a handle of its own, built on the way.
func (s *suite) request(w *Workload) *pluginv1.RunTaskRequest {
	handle := s.id("handle")
	return &pluginv1.RunTaskRequest{
		RunId: s.id("run"), HandleId: handle, Attempt: 1, Build: w.build(handle),
		StopGrace: durationpb.New(time.Second),
	}
}

// run makes an attempt of w to its end.
func (s *suite) run(t testing.TB, p *process, w *Workload) *record {
	t.Helper()
	return p.attempt(t, s.request(w), nil).finish(t)
}

// begin starts an attempt of w and waits until its work has begun.
func (s *suite) begin(t testing.TB, p *process, w *Workload) *attempt {
	t.Helper()
	return s.beginAs(t, p, w, s.request(w))
}

// beginAs does the same for a request that exists. A stubborn workload has begun when it says so.
func (s *suite) beginAs(t testing.TB, p *process, w *Workload, req *pluginv1.RunTaskRequest) *attempt {
	t.Helper()
	a := p.attempt(t, req, nil)
	a.waitBegan(t)
	if w == s.Stubborn {
		a.wait(t, a.spoke, "no output of the workload Stubborn")
	}
	a.wantLive(t)
	return a
}

// need skips the test if the author has given no workload for it.
func need(t testing.TB, w *Workload) {
	t.Helper()
	if w == nil {
		t.Skip("no workload is given for this")
	}
}

func (p *process) build(t testing.TB, req *pluginv1.BuildTaskRequest) {
	t.Helper()
	if _, err := p.client.BuildTask(p.within(t), req); err != nil {
		t.Fatalf("BuildTask: %v", err)
	}
}

func (p *process) stop(t testing.TB, run string, grace time.Duration) {
	t.Helper()
	if _, err := p.client.StopTask(p.within(t), &pluginv1.StopTaskRequest{
		RunId: run, Reason: pluginv1.StopReason_STOP_REASON_CANCEL, Grace: durationpb.New(grace),
	}); err != nil {
		t.Errorf("StopTask: %v", err)
	}
}

func wantResult(t testing.TB, r *record, want pluginv1.Result) {
	t.Helper()
	if r.exited.Result != want {
		t.Errorf("the run ended with %v (%s), want %v", r.exited.Result, r.exited.Message, want)
	}
}

// wantRefusal checks an error's code and its typed detail.
func wantRefusal(t testing.TB, err error, code codes.Code, reason pluginv1.Reason) *pluginv1.ErrorDetail {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("got error %v, want code %v", err, code)
	}
	for _, d := range status.Convert(err).Details() {
		if detail, ok := d.(*pluginv1.ErrorDetail); ok {
			if detail.Reason != reason {
				t.Errorf("the error's reason is %v, want %v", detail.Reason, reason)
			}
			return detail
		}
	}
	t.Errorf("error %v has no ErrorDetail", err)
	return &pluginv1.ErrorDetail{}
}

// specPath begins the paths of violations.
const specPath = "spec.workload.spec"

func wantPaths(t testing.TB, d *pluginv1.ErrorDetail) {
	t.Helper()
	if len(d.Violations) == 0 {
		t.Error("the error names no field")
	}
	for _, v := range d.Violations {
		if !strings.HasPrefix(v.Path, "spec") || v.Message == "" {
			t.Errorf("violation %q at %q: want a message and a path such as %s.field", v.Message, v.Path, specPath)
		}
	}
}
