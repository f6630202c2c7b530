package worker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A shell that cannot be run as native code is never run. The worker then loads the module itself, and says why.
func TestWithoutItsShellAModuleIsLoadedWhole(t *testing.T) {
	within(t)
	i := compiled(t, moduletest.Hello("hello"))
	other := compiled(t, moduletest.Cat())
	for name, c := range map[string]struct {
		change func(*wire.Load)
		want   wire.Ready
		why    string
	}{
		"code not taken":          {func(l *wire.Load) { l.ShellName = l.NativeName }, wire.Ready{Engine: wire.EngineCompiler}, "did not take"},
		"shell of another module": {func(l *wire.Load) { l.Shell = other.shell }, wire.Ready{Engine: wire.EngineCompiler}, "did not take"},
		"shell that is no module": {func(l *wire.Load) { l.Shell = i.native }, wire.Ready{Engine: wire.EngineCompiler}, "compile"},
		"empty shell":             {func(l *wire.Load) { l.Shell = sealed(t, nil) }, wire.Ready{Engine: wire.EngineCompiler}, "is empty"},
		"name that leads away":    {func(l *wire.Load) { l.ShellName = "../x" }, wire.Ready{Engine: wire.EngineCompiler}, "name"},
		"to be interpreted":       {func(l *wire.Load) { l.Engine = wire.EngineInterpreter }, wire.Ready{Engine: wire.EngineInterpreter}, "interpreted"},
		"code not taken for either": {
			func(l *wire.Load) { l.ShellName, l.NativeName = "a/b", "c/d" }, wire.Ready{Engine: wire.EngineCompiler, Compiled: true}, "did not take",
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := i.load(wire.Load{})
			c.change(&l)
			s := loaded(t, l)
			if r := s.ready; r.Engine != c.want.Engine || r.Compiled != c.want.Compiled || !strings.Contains(r.Whole, c.why) {
				t.Errorf("ready %+v, want %+v and %q", r, c.want, c.why)
			}
			s.says(t, "hello")
		})
	}
}

func (s *subject) says(t *testing.T, want string) {
	t.Helper()
	out := &record{}
	status, err := s.Run(wire.Job{Last: true}, out, wire.Limit{})
	if err != nil || status.End != wire.Exited || out.out[wire.Stdout].String() != want {
		t.Errorf("%+v, %v, %q; want %q", status, err, &out.out[wire.Stdout], want)
	}
}

// Where memory that was written may not be executed, the module is interpreted, and not the shell.
func TestWhereNativeCodeIsForbiddenTheModuleIsInterpreted(t *testing.T) {
	within(t)
	i := compiled(t, moduletest.Hello("hello"))
	load := func(l wire.Load) (*subject, error) {
		s := startAs(t, denied)
		t.Cleanup(func() { _ = s.kill() })
		ready, err := s.Load(t.Context(), i.load(l))
		s.ready = ready
		if errors.Is(err, wire.ErrGone) {
			_ = s.wait()
			if s.cmd.ProcessState.ExitCode() == exitNotDenied {
				t.Skip("the kernel cannot forbid it")
			}
		}
		return s, err
	}
	s, err := load(wire.Load{})
	if err != nil {
		t.Fatalf("%v: %s", err, &s.stderr)
	}
	if r := s.ready; r.Engine != wire.EngineInterpreter || !strings.Contains(r.Whole, "cannot be executed here") {
		t.Errorf("ready %+v", r)
	}
	s.says(t, "hello")
	var refused *wire.RefusalError
	if _, err := load(wire.Load{Engine: wire.EngineCompiler}); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "cannot be executed here") {
		t.Errorf("a worker that must not interpret: %v", err)
	}
}
