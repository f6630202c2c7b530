package runner

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

const (
	succeeded   = pluginv1.Result_RESULT_SUCCEEDED
	failed      = pluginv1.Result_RESULT_FAILED
	canceled    = pluginv1.Result_RESULT_CANCELED
	startFailed = pluginv1.Result_RESULT_START_FAILED
	oomKilled   = pluginv1.Result_RESULT_OOM_KILLED
)

func TestExitCodes(t *testing.T) {
	s := newSubject(t, nil)
	s.run(t, inline(moduletest.Hello("hello\n"))).succeeded(t, "hello\n")
	s.run(t, inline(moduletest.Exit(0, "out", "err"))).succeeded(t, "out")
	// The engine has numbers of its own for the ends of contexts; a guest's are only numbers.
	for _, code := range []uint32{1, 7, 255, 256, 0x7fffffff, 0xffffffff, 0xefffffff} {
		r := s.run(t, inline(moduletest.Exit(code, "", "last words\n")))
		r.want(t, failed, false, fmt.Sprintf("exit status %d", int32(code)), "stderr: last words")
		if got := r.exited.ExitCode; got == nil || *got != int32(code) {
			t.Errorf("exit code %v, want %d", got, int32(code))
		}
	}
}

func TestTrapsNameKindAndFunctions(t *testing.T) {
	s := newSubject(t, nil)
	told := map[string]string{"null_element": "table_oob"} // the engine does not tell them apart
	for _, kind := range moduletest.Traps() {
		want := kind
		if told[kind] != "" {
			want = told[kind]
		}
		r := s.run(t, inline(moduletest.Trap(kind)))
		r.want(t, failed, true, "trap "+want+": ")
		if kind != "stack_overflow" { // of which the engine tells no functions
			r.want(t, failed, true, "\n  at work\n  at _start")
		}
		if r.exited.ExitCode != nil || strings.Contains(r.exited.Message, "goroutine") || strings.Contains(r.exited.Message, ".go:") {
			t.Errorf("%s: %v", kind, r.exited)
		}
	}
}

func TestTimeoutIsCancellation(t *testing.T) {
	s := newSubject(t, nil)
	for _, reason := range []pluginv1.StopReason{pluginv1.StopReason_STOP_REASON_TIMEOUT, pluginv1.StopReason_STOP_REASON_CANCEL} {
		r := s.build(t, inline(moduletest.Loop())).start(t, nil)
		r.until(t, moduletest.Ready)
		pid := r.pid(t)
		r.stop(t, reason)
		r.finish(t).want(t, canceled, false, "SIGKILL")
		if proctest.Alive(pid) {
			t.Errorf("%v: worker %d is alive although its attempt has ended", reason, pid)
		}
		if r.stats.GetCpuTime().AsDuration() <= 0 {
			t.Errorf("%v: no processor time is told", reason)
		}
	}
}

func TestCPULimit(t *testing.T) {
	s := newSubject(t, nil)
	r := s.run(t, inline(moduletest.Loop(), object{"limits": object{"cpu": "50ms"}}))
	r.want(t, failed, false, "cpu limit", "50ms")
	if r.output() != moduletest.Ready {
		t.Errorf("stdout is %q: what came before the limit is lost", r.output())
	}
}

func output(bytes, rate, over string) object {
	o := object{"bytes": bytes, "over": over}
	if rate != "" {
		o["rate"] = rate
	}
	return object{"limits": object{"output": o}}
}

func TestOutputLimits(t *testing.T) {
	s := newSubject(t, nil)
	text := strings.Repeat(strings.Repeat("y", 63)+"\n", 1600) // 100 KiB
	t.Run("kill", func(t *testing.T) {
		r := s.run(t, inline(moduletest.OutputFlood(), output("96KiB", "", "kill")))
		r.want(t, failed, false, "output limit", "stdout", "96KiB")
		if n := len(r.output()); n != 96<<10 {
			t.Errorf("%d bytes came, want 96 KiB", n)
		}
		if pid := r.pid(t); proctest.Alive(pid) {
			t.Errorf("worker %d is alive", pid)
		}
	})
	for _, over := range []string{"drop", "block"} { // no waiting makes the number of bytes smaller
		t.Run(over, func(t *testing.T) {
			r := s.run(t, inline(say(text), output("64KiB", "", over)))
			r.succeeded(t, text[:64<<10])
			if got, want := r.missing(), int64(len(text)-64<<10); got != want {
				t.Errorf("%d bytes of stdout are told to be missing, want %d", got, want)
			}
			if n := len(r.events); n > 1 { // that it is compiled
				t.Errorf("%d events", n)
			}
		})
	}
	t.Run("rate", func(t *testing.T) {
		began := time.Now()
		s.run(t, inline(say(text), output("1MiB", "50KiB", "block"))).succeeded(t, text)
		if took := time.Since(began); took < 500*time.Millisecond {
			t.Errorf("100 KiB came in %v at 50 KiB a second", took)
		}
	})
}

func TestOutOfMemory(t *testing.T) {
	if proctest.Raced {
		t.Skip("with the race detector workers may have more memory than there is")
	}
	s := newSubject(t, nil)
	memory := object{"limits": object{"memory": "16MiB"}}
	s.run(t, inline(moduletest.TableBomb(), memory)).want(t, oomKilled, true, "16MiB")
	// Memory of its own is refused to the guest, which lives on.
	r := s.run(t, inline(moduletest.MemoryBomb(), memory))
	r.succeeded(t, moduletest.Ready+moduletest.Full)
	if got := r.stats.GetMemoryPeakBytes(); got < 15<<20 || got > 16<<20 {
		t.Errorf("it had %d bytes at most, want about 16 MiB", got)
	}
}

func TestKilledWorkerIsNotTheGuestsFault(t *testing.T) {
	s, kills := newSubject(t, nil), kernelKills(t)
	h := s.build(t, inline(moduletest.Loop()))
	r := h.start(t, nil)
	r.until(t, moduletest.Ready)
	kill(t, r.pid(t), unix.SIGKILL)
	r.finish(t).crashed(t, kills, "SIGKILL")
	if r.event("workerReplaced") != nil {
		t.Error("a guest that had begun was begun again")
	}
	s.run(t, inline(moduletest.Hello("on\n"))).succeeded(t, "on\n")
}

func kill(t *testing.T, pid int, signal unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, signal); err != nil {
		t.Errorf("kill %d: %v", pid, err)
	}
}

// A worker is made deaf while it waits, and killed when it has been given a job that it never read.
func TestWorkerThatDiesBeforeTheGuestRanIsReplaced(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 1}})
	h := s.build(t, inline(moduletest.Hello("hello\n")))
	h.run(t).succeeded(t, "hello\n")
	s.warm(t, 1)
	for _, pid := range workers(t) {
		kill(t, pid, unix.SIGSTOP)
	}
	r := h.start(t, nil)
	proctest.Until(t, "Started", func() bool { return r.begun() })
	first := r.pid(t)
	kill(t, first, unix.SIGKILL)
	r.finish(t).succeeded(t, "hello\n")
	if e := r.event("workerReplaced"); e == nil || !strings.Contains(e.Message, "SIGKILL") {
		t.Errorf("event %v", e)
	}
	// Those that were made ready meanwhile are well.
	h.run(t).succeeded(t, "hello\n")
}

func TestRefusals(t *testing.T) {
	s := newSubject(t, nil)
	unknown := moduletest.NewProgram(1)
	unknown.Import("env", "emscripten_resize_heap", []moduletest.Type{moduletest.I32}, nil)
	component := append([]byte("\x00asm\x0d\x00\x01\x00"), make([]byte, 8)...)
	for name, c := range map[string]struct {
		spec object
		text string
	}{
		"component":        {inline(component), "component"},
		"imports":          {inline(unknown.Main(nil, "")), "emscripten_resize_heap"},
		"no entry":         {inline(moduletest.Hello("x"), object{"entryPoint": "main"}), "main"},
		"no module":        {inline([]byte("#!/bin/sh\n")), "not"},
		"big memory":       {inline(moduletest.Fill(64<<20), object{"limits": object{"memory": "1MiB"}}), "memory"},
		"not there":        {object{"module": object{"digest": "sha256:" + strings.Repeat("0", 64)}}, "spec.workload.spec.module.digest"},
		"not there either": {object{"module": object{"path": "/no/such.wasm", "sha256": strings.Repeat("0", 64)}}, "spec.workload.spec.module.path: "},
	} {
		t.Run(name, func(t *testing.T) {
			h := s.build(t, c.spec)
			for range 2 { // refused again, also when it is known
				h.run(t).want(t, startFailed, !strings.HasPrefix(name, "not there"), c.text)
			}
		})
	}
}

func TestSettingsRefuseAtOnce(t *testing.T) {
	s := newSubject(t, nil)
	for text, spec := range map[string]object{
		"module.sha256":  {"module": object{"path": "/etc/hostname"}},
		"mounts[0].host": inline(moduletest.Hello(""), object{"mounts": []object{{"host": "/etc", "guest": "/etc"}}}),
		"listeners[0]":   inline(moduletest.Hello(""), object{"listeners": []string{"web"}}),
		"features[0]":    inline(moduletest.Hello(""), object{"features": []string{"tailCall"}}),
		"limits.memory":  inline(moduletest.Hello(""), object{"limits": object{"memory": "2GiB"}}),
	} {
		if _, err := s.tryBuild(t, spec, nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("build: %v, want %q in it", err, text)
		}
	}
}
