package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/soltihq/solti-host/sdk"
	"github.com/soltihq/solti-host/sdk/sdktest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func TestRunTellsEverything(t *testing.T) {
	client := sdktest.Serve(t, runner{run: func(_ context.Context, run *sdk.Run) error {
		run.Event("pulled", "an image", map[string]string{"size": "5"})
		run.Stats(sdk.Stats{CPUTime: time.Second, MemoryBytes: 7})
		_, _ = run.Stderr.Write([]byte("oops"))
		return sdk.Exit(9)
	}})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	if e := run.until(t, func(f *pluginv1.Frame) bool { return f.GetEvent() != nil }).GetEvent(); e.Attributes["size"] != "5" {
		t.Errorf("event %v", e)
	}
	if s := run.until(t, func(f *pluginv1.Frame) bool { return f.GetStats() != nil }).GetStats(); s.MemoryBytes != 7 {
		t.Errorf("stats %v", s)
	}
	if x := run.exited(t); x.GetExitCode() != 9 || x.StderrBytes != 4 || x.StdoutBytes != 0 {
		t.Errorf("exited %v", x)
	}
}

func TestStartedComesAtOnce(t *testing.T) {
	client := sdktest.Serve(t, runner{run: forever})
	run := startRun(t, client, runRequest("r"))
	began := time.Now()
	run.started(t)
	if took := time.Since(began); took > time.Second {
		t.Errorf("Started took %v", took)
	}
	run.cancel()
}

// A lateTask says itself when it has started.
type lateTask struct{ taskFunc }

func (lateTask) StartsItself() {}

func TestSelfStarters(t *testing.T) {
	pull := make(chan struct{})
	for name, test := range map[string]struct {
		run     taskFunc
		started bool
		id      string
	}{
		"says so": {func(_ context.Context, run *sdk.Run) error {
			<-pull
			run.Started("container 5")
			run.Started("again")
			return nil
		}, true, "container 5"},
		"prints": {func(_ context.Context, run *sdk.Run) error {
			_, err := run.Stdout.Write([]byte("x"))
			return err
		}, true, ""},
		"returns":          {nothing, true, ""},
		"fails":            {func(context.Context, *sdk.Run) error { return errors.New("x") }, true, ""},
		"fails to start":   {func(context.Context, *sdk.Run) error { return sdk.StartFailed(errors.New("x")) }, false, ""},
		"is stopped early": {forever, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := sdktest.Serve(t, runner{build: func(context.Context, *sdk.Build) (sdk.Task, error) {
				return lateTask{test.run}, nil
			}})
			run := startRun(t, client, runRequest("r"))
			if name == "says so" {
				close(pull)
			}
			if name == "is stopped early" {
				stopRun(t, client, "r", time.Minute)
			}
			f, err := run.next()
			if err != nil {
				t.Fatal(err)
			}
			if s := f.GetStarted(); (s != nil) != test.started || s.GetExternalId() != test.id {
				t.Errorf("the first frame is %v", f)
			}
		})
	}
}

// What an attempt tells before its work begins does not begin it.
func TestFactsGoWithStarted(t *testing.T) {
	many := map[string]string{"": "unnamed", strings.Repeat("n", 100): "long", "bad": "\xff"}
	for i := range 40 {
		many[fmt.Sprintf("f%02d", i)] = strings.Repeat("x", 1000)
	}
	client := sdktest.Serve(t, runner{build: func(context.Context, *sdk.Build) (sdk.Task, error) {
		return lateTask{func(_ context.Context, run *sdk.Run) error {
			run.Event("compiling", "", nil)
			run.Facts(map[string]string{"module": "a", "bad": "x"})
			run.Facts(many)
			run.Started("pid 1")
			run.Facts(map[string]string{"late": "x"})
			return nil
		}}, nil
	}})
	run := startRun(t, client, runRequest("r"))
	if f, err := run.next(); err != nil || f.GetEvent().GetName() != "compiling" {
		t.Fatalf("the first frame is %v, %v", f, err)
	}
	s := run.started(t)
	size := 0
	for name, value := range s.Facts {
		size += len(name) + len(value)
	}
	if s.ExternalId != "pid 1" || len(s.Facts) > 32 || size > 16<<10 || size < 16<<10-100 {
		t.Errorf("%q with %d facts of %d bytes", s.ExternalId, len(s.Facts), size)
	}
	if s.Facts["bad"] != "\uFFFD" || len(s.Facts["f00"]) != 1000 || s.Facts["late"] != "" {
		t.Errorf("facts %q", s.Facts)
	}
	if last := s.Facts["f16"]; !strings.HasSuffix(last, "x...") {
		t.Errorf("the last fact that fits is %q", last)
	}
}

func TestPanicsEndTheAttemptAlone(t *testing.T) {
	for name, run := range map[string]taskFunc{
		"panic":  func(context.Context, *sdk.Run) error { panic("on purpose") },
		"goexit": func(context.Context, *sdk.Run) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			client := sdktest.Serve(t, runner{run: run})
			for _, id := range []string{"a", "b"} {
				x := startRun(t, client, runRequest(id)).exited(t)
				wantResult(t, x, pluginv1.Result_RESULT_PANICKED)
			}
		})
	}
	client := sdktest.Serve(t, runner{build: func(context.Context, *sdk.Build) (sdk.Task, error) { panic("on purpose") }})
	startRun(t, client, runRequest("r")).refused(t, codes.Internal, pluginv1.Reason_REASON_INTERNAL)
}

func TestRunIDsAreNeverUsedTwice(t *testing.T) {
	client := sdktest.Serve(t, runner{run: forever})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	startRun(t, client, runRequest("r")).refused(t, codes.AlreadyExists, pluginv1.Reason_REASON_CONFLICT)
	stopRun(t, client, "r", time.Second)
	run.exited(t)
	startRun(t, client, runRequest("r")).refused(t, codes.AlreadyExists, pluginv1.Reason_REASON_CONFLICT)
}

func TestAttemptsOfAHandleNeverOverlap(t *testing.T) {
	client := sdktest.Serve(t, runner{run: forever})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	other := &pluginv1.RunTaskRequest{RunId: "s", HandleId: "r", Attempt: 2}
	startRun(t, client, other).refused(t, codes.FailedPrecondition, pluginv1.Reason_REASON_CONFLICT)
	stopRun(t, client, "r", time.Second)
	run.exited(t)
	other.RunId = "t" // free as soon as Exited has been read
	next := startRun(t, client, other)
	next.started(t)
	next.cancel()
}

func TestCapacity(t *testing.T) {
	info := testInfo
	info.MaxRuns = 1
	client := sdktest.Serve(t, runner{info: &info, run: forever})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	startRun(t, client, runRequest("s")).refused(t, codes.ResourceExhausted, pluginv1.Reason_REASON_CAPACITY)
	stopRun(t, client, "r", time.Second)
	run.exited(t)
	next := startRun(t, client, runRequest("s")) // the refusal made no attempt: the id is as good as new
	next.started(t)
	next.cancel()
}

func TestStopMayOvertakeItsRun(t *testing.T) {
	client := sdktest.Serve(t, runner{run: forever})
	stopRun(t, client, "r", time.Minute)
	run := startRun(t, client, runRequest("r"))
	if f, err := run.next(); err != nil || f.GetExited().GetResult() != pluginv1.Result_RESULT_CANCELED {
		t.Errorf("got %v, %v, want Exited alone", f, err)
	}
}

func TestStopDuringTheBuild(t *testing.T) {
	building := make(chan struct{})
	client := sdktest.Serve(t, runner{build: func(ctx context.Context, _ *sdk.Build) (sdk.Task, error) {
		close(building)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	run := startRun(t, client, runRequest("r"))
	<-building
	stopRun(t, client, "r", time.Minute)
	wantResult(t, run.exited(t), pluginv1.Result_RESULT_CANCELED)
}

func TestCauseReachesTheRun(t *testing.T) {
	causes := make(chan error, 1)
	client := sdktest.Serve(t, runner{run: func(ctx context.Context, run *sdk.Run) error {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		if time.Until(run.Deadline()) < 30*time.Second {
			t.Errorf("deadline %v", run.Deadline())
		}
		return nil
	}})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	stopRun(t, client, "r", time.Minute)
	if err := <-causes; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cause %v, want a timeout", err)
	}
	wantResult(t, run.exited(t), pluginv1.Result_RESULT_CANCELED)
}

func TestCanceledStreamForcesAtOnce(t *testing.T) {
	forced := make(chan sdk.StopReason, 1)
	blocked := make(chan error, 1)
	client := sdktest.Serve(t, runner{run: func(_ context.Context, run *sdk.Run) error {
		go func() { // a writer that nobody reads from
			var err error
			for err == nil {
				_, err = run.Stdout.Write(make([]byte, 64<<10))
			}
			blocked <- err
		}()
		<-run.Force()
		forced <- run.StopReason()
		return nil
	}})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	run.cancel()
	if got := <-forced; got != sdk.StopCanceled {
		t.Errorf("reason %v", got)
	}
	if err := <-blocked; !errors.Is(err, sdk.ErrStreamBroken) {
		t.Errorf("writing returns %v", err)
	}
}

func TestSlowReaderLosesNothing(t *testing.T) {
	const size = 3 << 20
	client := sdktest.Serve(t, runner{run: func(_ context.Context, run *sdk.Run) error {
		_, err := run.Stdout.Write(make([]byte, size))
		return err
	}})
	run := startRun(t, client, runRequest("r"))
	run.started(t)
	other := startRun(t, client, runRequest("other")) // is not held up
	for n := 0; n < size; {
		n += len(run.until(t, func(f *pluginv1.Frame) bool { return f.GetOutput() != nil }).GetOutput().Data)
	}
	if x := run.exited(t); x.StdoutBytes != size {
		t.Errorf("exited %v", x)
	}
	other.exited(t)
}

// serveOn serves a runner on a socket of the test's own and returns its path and a way to stop.
func serveOn(t *testing.T, r sdk.Runner, creds credentials.TransportCredentials) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "solti") //nolint:usetesting // a socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	service := sdk.NewService(r, sdk.ServiceOptions{})
	server := grpc.NewServer(append(sdk.ServerOptions(), grpc.Creds(creds))...)
	service.Register(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		if err := service.Close(context.Background()); err != nil {
			t.Error(err)
		}
		server.Stop()
		<-served
		_ = os.RemoveAll(dir)
	})
	return path
}

func dialTo(t *testing.T, path string, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestLostConnectionLeavesTheGrace is about the host's end: its attempts are asked first.
func TestLostConnectionLeavesTheGrace(t *testing.T) {
	reasons := make(chan sdk.StopReason, 1)
	path := serveOn(t, runner{run: func(ctx context.Context, run *sdk.Run) error {
		<-ctx.Done()
		select {
		case <-run.Force():
			t.Error("forced at once")
		default:
		}
		reasons <- run.StopReason()
		return nil
	}}, sdk.PeerCredentials(os.Getpid()))
	conn := dialTo(t, path, sdk.PeerCredentials(os.Getpid()))
	req := runRequest("r")
	req.StopGrace = durationpb.New(time.Minute)
	run := startRun(t, pluginv1.NewRunnerServiceClient(conn), req)
	run.started(t)
	_ = conn.Close()
	if got := <-reasons; got != sdk.StopHostLost {
		t.Errorf("reason %v, want host lost", got)
	}
}

func TestPeersAreChecked(t *testing.T) {
	self, other := os.Getpid(), os.Getppid()
	for _, test := range []struct {
		name           string
		server, client credentials.TransportCredentials
		want           codes.Code
	}{
		{"both", sdk.PeerCredentials(self), sdk.PeerCredentials(self), codes.OK},
		{"any process", sdk.PeerCredentials(0), sdk.PeerCredentials(0), codes.OK},
		{"wrong client", sdk.PeerCredentials(other), sdk.PeerCredentials(self), codes.Unavailable},
		{"wrong server", sdk.PeerCredentials(self), sdk.PeerCredentials(other), codes.Unavailable},
		{"plain client", sdk.PeerCredentials(self), insecure.NewCredentials(), codes.OK},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := dialTo(t, serveOn(t, runner{run: nothing}, test.server), test.client)
			_, err := pluginv1.NewRunnerServiceClient(conn).Name(t.Context(), &pluginv1.NameRequest{})
			if status.Code(err) != test.want {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestPeerCredentialsNeedASocket(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, _, err := sdk.PeerCredentials(0).ServerHandshake(a); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("got %v", err)
	}
}
