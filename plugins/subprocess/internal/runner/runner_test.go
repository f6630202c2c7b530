package runner

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/process"
	"github.com/soltihq/solti-host/sdk"
)

func build(t *testing.T, raw string, operator map[string]string) *task {
	t.Helper()
	r := New(nil, "v1.2.3")
	built, err := r.BuildTask(t.Context(), &sdk.Build{
		Spec: &sdk.Spec{Name: "job", APIVersion: "solti.io/v1", Kind: "Subprocess", Raw: json.RawMessage(raw)},
		Env:  operator, Launch: sdk.Launch{HostID: "host-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	task, ok := built.(*task)
	if !ok {
		t.Fatalf("got a %T", built)
	}
	return task
}

func TestLaterLayersOfTheEnvironmentWin(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PLUGIN", "x")
	t.Setenv("TZ", "Europe/Berlin")
	task := build(t, `{"command": "a", "env": {"A": "task", "B": "task", "C": "task", "LANG": "C"}}`,
		map[string]string{"B": "operator", "C": "operator", "SOLTI_RUN_ID": "forged"})
	env, path, err := task.env.attempt(&sdk.Run{
		ID: "r-1", Attempt: 3, Env: map[string]string{"C": "attempt", "PATH": "/x", "SOLTI_HOST_ID": "forged"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"A=task", "B=operator", "C=attempt", "LANG=C", "PATH=/x", "TZ=Europe/Berlin",
		"SOLTI_RUN_ID=r-1", "SOLTI_TASK=job", "SOLTI_ATTEMPT=3", "SOLTI_HOST_ID=host-1",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%q is not in %q", want, env)
		}
	}
	names := make(map[string]int)
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		names[name]++
	}
	for name, n := range names {
		if n != 1 {
			t.Errorf("%s occurs %d times", name, n)
		}
	}
	if names["SECRET_OF_THE_PLUGIN"] != 0 || path != "/x" {
		t.Errorf("got %q and PATH %s", env, path)
	}
}

func TestAttemptsShareNoEnvironment(t *testing.T) {
	task := build(t, `{"command": "a"}`, nil)
	first, path, err := task.env.attempt(&sdk.Run{ID: "r-1", Attempt: 1, Env: map[string]string{"A": "1"}})
	if err != nil || path != defaultPath {
		t.Fatal(path, err)
	}
	second, _, err := task.env.attempt(&sdk.Run{ID: "r-2", Attempt: 2})
	if err != nil || slices.Contains(second, "A=1") || !slices.Contains(first, "A=1") {
		t.Errorf("got %q, then %q, %v", first, second, err)
	}
}

func TestBadVariablesOfTheOperatorAreRefused(t *testing.T) {
	r := New(nil, "")
	_, err := r.BuildTask(t.Context(), &sdk.Build{
		Spec: &sdk.Spec{APIVersion: "solti.io/v1", Kind: "Subprocess", Raw: json.RawMessage(`{"command": "a"}`)},
		Env:  map[string]string{"A=B": "x"},
	})
	if err == nil || !strings.Contains(err.Error(), `"A=B"`) {
		t.Errorf("got %v", err)
	}
}

func TestOtherKindsAreRefused(t *testing.T) {
	r := New(nil, "")
	spec := &sdk.Spec{APIVersion: "solti.io/v1", Kind: "Wasm", Raw: json.RawMessage(`{}`)}
	if r.Supports(t.Context(), spec) == nil {
		t.Error("Supports takes it")
	}
	if _, err := r.BuildTask(t.Context(), &sdk.Build{Spec: spec}); err == nil {
		t.Error("BuildTask takes it")
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{"v1.2.3": "1.2.3", "v0.1.0-4-gabc": "0.1.0-4-gabc", "unknown": "", "": "", "abc123": ""} {
		if got := New(nil, version).Name().Version; got != want {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}

func TestResults(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	code := func(code int, ok bool) func(error) bool {
		return func(err error) bool {
			var exit *sdk.ExitError
			return errors.As(err, &exit) && exit.Code == code && exit.OK == ok
		}
	}
	killed := func(name string) func(error) bool {
		return func(err error) bool {
			var kill *sdk.KilledError
			return errors.As(err, &kill) && kill.Signal == name
		}
	}
	for _, tt := range []struct {
		name  string
		ctx   context.Context //nolint:containedctx // of the case
		fails bool
		exit  process.Exit
		want  func(error) bool
	}{
		{"success", t.Context(), true, process.Exit{}, code(0, true)},
		{"failure", t.Context(), true, process.Exit{Code: 3}, code(3, false)},
		{"failure that does not count", t.Context(), false, process.Exit{Code: 3}, code(3, true)},
		{"stopped, whatever counts", stopped, false, process.Exit{Code: 3}, code(3, false)},
		{"signal", t.Context(), true, process.Exit{Code: -1, Signal: syscall.SIGSEGV}, killed("SIGSEGV")},
		{"signal that does not count", t.Context(), false, process.Exit{Code: -1, Signal: syscall.SIGSEGV}, func(err error) bool { return err == nil }},
		{"stopped by a signal", stopped, false, process.Exit{Code: -1, Signal: syscall.SIGTERM}, killed("SIGTERM")},
		{"real-time signal", t.Context(), true, process.Exit{Code: -1, Signal: 40}, killed("signal 40")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			task := &task{program: "prog", fails: tt.fails}
			err := task.result(tt.ctx, tt.exit)
			if !tt.want(err) {
				t.Errorf("got %#v", err)
			}
			if err != nil && tt.exit != (process.Exit{}) && tt.fails && !strings.HasPrefix(err.Error(), "prog: ") {
				t.Errorf("%q does not name the command", err)
			}
		})
	}
}
