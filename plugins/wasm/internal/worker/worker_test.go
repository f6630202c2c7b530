package worker_test

import (
	"errors"
	"os"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

func TestHello(t *testing.T) {
	within(t)
	status, out, s := run(t, moduletest.Hello("hello\n"), wire.Load{NoMounts: true}, wire.Job{Args: []string{"hello"}, Last: true})
	if status.End != wire.Exited || status.Code != 0 {
		t.Errorf("status %+v, want exit 0", status)
	}
	if got := out.out[wire.Stdout].String(); got != "hello\n" {
		t.Errorf("stdout %q", got)
	}
	if s.ready.Compiled || s.ready.Whole != "" || s.ready.Engine != wire.EngineCompiler {
		t.Errorf("ready %+v, want native code that was found", s.ready)
	}
	if err := s.wait(); err != nil {
		t.Errorf("worker: %v", err)
	}
}

func TestExitCode(t *testing.T) {
	within(t)
	for _, code := range []uint32{0, 1, 255, 256, 1<<32 - 1, 0xefffffff} {
		status, out, _ := run(t, moduletest.Exit(code, "out", "err"), wire.Load{}, wire.Job{})
		if status.End != wire.Exited || status.Code != code {
			t.Errorf("status %+v, want exit %d", status, code)
		}
		if got := out.out[1].String() + "," + out.out[2].String(); got != "out,err" {
			t.Errorf("output %q", got)
		}
	}
}

func TestTraps(t *testing.T) {
	within(t)
	for _, kind := range moduletest.Traps() {
		t.Run(kind, func(t *testing.T) {
			status, _, _ := run(t, moduletest.Trap(kind), wire.Load{}, wire.Job{})
			want := wire.TrapKind(kind)
			if want == wire.TrapNull { // which the engine does not tell from a bad index
				want = wire.TrapTable
			}
			if status.End != wire.Trapped || status.Trap.Kind != want || status.Reusable {
				t.Fatalf("status %+v, want a trap of kind %s", status, want)
			}
			if f := status.Trap.Frames; kind == "stack_overflow" { // of which the engine tells no frames
				return
			} else if len(f) == 0 || f[0].Function != "work" && f[0].Function != "$1" {
				t.Errorf("frames %v of %q", f, status.Trap.Message)
			}
		})
	}
}

func TestReuse(t *testing.T) {
	within(t)
	s := loaded(t, compiled(t, moduletest.Arguments()).load(wire.Load{}))
	for i := range 50 {
		out := &record{}
		arg := string(rune('a' + i))
		status, err := s.Run(wire.Job{Args: []string{"x", arg}}, out, wire.Limit{})
		if err != nil || !status.Reusable {
			t.Fatalf("status %+v, %v", status, err)
		}
		if got := out.out[1].String(); got != "x\x00"+arg+"\x00" {
			t.Fatalf("job %d: output %q", i, got)
		}
	}
}

func TestStopIsAKill(t *testing.T) {
	within(t)
	for _, shape := range moduletest.Shapes() {
		t.Run(shape.Name, func(t *testing.T) {
			s := loaded(t, compiled(t, shape.Wasm).load(wire.Load{Pages: 40 << 10}))
			out := &record{arrived: make(chan struct{})}
			job := wire.Job{}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			job.Stdin = r
			if shape.Name == "blocked-accept" {
				job.Listeners = []wire.Listener{{Name: "l", File: listener(t)}}
			}
			go func() {
				<-out.arrived
				_ = s.cmd.Process.Kill()
			}()
			if _, err := s.Run(job, out, wire.Limit{}); !errors.Is(err, wire.ErrGone) {
				t.Fatalf("run: %v, want ErrGone", err)
			}
			if got := out.out[1].String(); got != moduletest.Ready {
				t.Errorf("output %q", got)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	within(t)
	s := start(t)
	defer s.kill()
	_, err := s.Load(t.Context(), wire.Load{Module: sealed(t, []byte("\x00asm\x01\x00\x00\x00\x01\x99"))})
	var refused *wire.RefusalError
	if !errors.As(err, &refused) {
		t.Errorf("load: %v, want a refusal", err)
	}
}

func TestNoSuchEntry(t *testing.T) {
	within(t)
	status, _, _ := run(t, moduletest.Hello("x"), wire.Load{}, wire.Job{Entry: "absent"})
	if status.End != wire.Failed || status.Reason != "the module exports no function absent, but _start" {
		t.Errorf("status %+v", status)
	}
}
