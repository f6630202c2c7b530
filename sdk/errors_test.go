package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func TestRefusalsTravelTyped(t *testing.T) {
	var many Violations
	many.Add("command", "must not be empty")
	many.Add("args[1]", "must be a string")
	for _, test := range []struct {
		name      string
		err       error
		code      codes.Code
		reason    pluginv1.Reason
		retryable bool
		paths     []string
	}{
		{"invalid", InvalidSpec("cwd", "must be absolute"), codes.InvalidArgument,
			pluginv1.Reason_REASON_INVALID_SPEC, false, []string{"spec.workload.spec.cwd"}},
		{"full path", InvalidSpec("spec.workload.spec.cwd", "x"), codes.InvalidArgument,
			pluginv1.Reason_REASON_INVALID_SPEC, false, []string{"spec.workload.spec.cwd"}},
		{"root", InvalidSpec("", "x"), codes.InvalidArgument,
			pluginv1.Reason_REASON_INVALID_SPEC, false, []string{"spec.workload.spec"}},
		{"several", many.Err(), codes.InvalidArgument, pluginv1.Reason_REASON_INVALID_SPEC, false,
			[]string{"spec.workload.spec.command", "spec.workload.spec.args[1]"}},
		{"joined", errors.Join(MissingField("a"), InvalidSpec("b", "x")), codes.InvalidArgument,
			pluginv1.Reason_REASON_INVALID_SPEC, false, []string{"spec.workload.spec.a", "spec.workload.spec.b"}},
		{"wrapped", fmt.Errorf("probe: %w", MissingField("file")), codes.InvalidArgument,
			pluginv1.Reason_REASON_MISSING_FIELD, false, []string{"spec.workload.spec.file"}},
		{"kind", UnsupportedKind("a/v1", "B"), codes.FailedPrecondition,
			pluginv1.Reason_REASON_UNSUPPORTED_KIND, false, nil},
		{"io", IO(io.ErrUnexpectedEOF), codes.Unavailable, pluginv1.Reason_REASON_IO, true, nil},
		{"capacity", Capacity(time.Second), codes.ResourceExhausted, pluginv1.Reason_REASON_CAPACITY, true, nil},
		{"backend", BackendDown(io.EOF, 0), codes.Unavailable, pluginv1.Reason_REASON_BACKEND_DOWN, true, nil},
		{"canceled", context.Canceled, codes.Canceled, pluginv1.Reason_REASON_IO, true, nil},
		{"timeout", &StopError{StopTimeout}, codes.DeadlineExceeded, pluginv1.Reason_REASON_IO, true, nil},
		{"other", errors.New("oops"), codes.Internal, pluginv1.Reason_REASON_INTERNAL, false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := status.Convert(toStatus(test.err))
			d, ok := st.Details()[0].(*pluginv1.ErrorDetail)
			if !ok {
				t.Fatalf("details %v", st.Details())
			}
			if st.Code() != test.code || d.Reason != test.reason || d.Retryable != test.retryable {
				t.Errorf("got %v, %v, retryable %v, want %v, %v, %v",
					st.Code(), d.Reason, d.Retryable, test.code, test.reason, test.retryable)
			}
			var paths []string
			for _, v := range d.Violations {
				paths = append(paths, v.Path)
			}
			if !slices.Equal(paths, test.paths) {
				t.Errorf("paths %q, want %q", paths, test.paths)
			}
		})
	}
}

func TestStatusIsBounded(t *testing.T) {
	var v Violations
	for i := range 5000 {
		v.Add(fmt.Sprintf("f%d", i), "%s", strings.Repeat("\xff", 5000))
	}
	st := status.Convert(toStatus(v))
	d := st.Details()[0].(*pluginv1.ErrorDetail)
	if len(d.Violations) != maxViolations || len(st.Message()) > maxStatusText {
		t.Errorf("%d violations, text of %d bytes", len(d.Violations), len(st.Message()))
	}
}

func TestSettingsHaveTheirOwnRoot(t *testing.T) {
	st := status.Convert(toSettingsStatus(InvalidSpec("limits.cpu", "is too much")))
	if want := "limits.cpu: is too much"; st.Message() != want {
		t.Errorf("got %q, want %q", st.Message(), want)
	}
}

func TestNilStaysNil(t *testing.T) {
	for _, err := range []error{
		IO(nil), Permanent(nil), StartFailed(nil), BackendDown(nil, 0), Violations(nil).Err(), toStatus(nil),
	} {
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
}

func TestResults(t *testing.T) {
	const (
		ok       = pluginv1.Result_RESULT_SUCCEEDED
		failed   = pluginv1.Result_RESULT_FAILED
		noStart  = pluginv1.Result_RESULT_START_FAILED
		canceled = pluginv1.Result_RESULT_CANCELED
		oom      = pluginv1.Result_RESULT_OOM_KILLED
	)
	boom := errors.New("boom")
	for _, test := range []struct {
		name      string
		err       error
		stopped   bool
		result    pluginv1.Result
		code      int32 // -1: none
		signal    string
		permanent bool
		message   string
	}{
		{"nil", nil, false, ok, -1, "", false, ""},
		{"nil although stopped", nil, true, canceled, -1, "", false, ""},
		{"error", boom, false, failed, -1, "", false, "boom"},
		{"exit", Exit(3), false, failed, 3, "", false, "exit status 3"},
		{"exit 0", Exit(0), false, ok, 0, "", false, ""},
		{"finished", Finished(3), false, ok, 3, "", false, ""},
		{"killed", Killed("SIGSEGV"), false, failed, -1, "SIGSEGV", false, "killed by SIGSEGV"},
		{"permanent", Permanent(boom), false, failed, -1, "", true, "boom"},
		{"permanent exit", fmt.Errorf("x: %w", Permanent(Exit(2))), false, failed, 2, "", true, "x: exit status 2"},
		{"start failed", StartFailed(boom), false, noStart, -1, "", false, "boom"},
		{"permanently", Permanent(StartFailed(boom)), false, noStart, -1, "", true, "boom"},
		{"memory", OutOfMemory("limit %d", 5), false, oom, -1, "", false, "limit 5"},
		{"stopped", &StopError{StopCanceled}, true, canceled, -1, "", false, "stopped: canceled"},
		{"stopped by signal", Killed("SIGTERM"), true, canceled, -1, "SIGTERM", false, "killed by SIGTERM"},
		{"stopped start", StartFailed(boom), true, canceled, -1, "", false, "boom"},
		{"memory although stopped", OutOfMemory("limit"), true, oom, -1, "", false, "limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := exited(test.err, test.stopped)
			code := int32(-1)
			if x.ExitCode != nil {
				code = *x.ExitCode
			}
			if x.Result != test.result || code != test.code || x.Signal != test.signal ||
				x.Permanent != test.permanent || x.Message != test.message {
				t.Errorf("got %v, want %+v", x, test)
			}
		})
	}
}

func TestStopErrorTestsLikeAContext(t *testing.T) {
	if err := error(&StopError{StopTimeout}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not a deadline", err)
	}
	if err := error(&StopError{StopHostLost}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not a cancellation", err)
	}
}
