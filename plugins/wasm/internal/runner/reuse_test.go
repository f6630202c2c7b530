package runner

import (
	"path/filepath"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

var reused = object{"isolation": "reuse"}

func TestAttemptsShareAWorkerOnlyIfAsked(t *testing.T) {
	s := newSubject(t, nil)
	h := s.build(t, inline(moduletest.Exit(3, "", ""), reused))
	pid := 0
	for range 5 {
		r := h.run(t)
		r.want(t, failed, false, "exit status 3")
		if pid != 0 && r.pid(t) != pid {
			t.Errorf("worker %d, and before %d", r.pid(t), pid)
		}
		pid = r.pid(t)
	}
	// Another task of the same uid and generation, and of the same module, gets another worker.
	twin := s.build(t, inline(moduletest.Exit(3, "", ""), reused))
	if got := twin.run(t).pid(t); got == pid {
		t.Error("two tasks share a worker")
	}
	h.release(t)
	proctest.Until(t, "the end of the released task's worker", func() bool { return !proctest.Alive(pid) })

	apart := s.build(t, inline(moduletest.Hello(""), nil))
	first := apart.run(t).pid(t)
	if proctest.Alive(first) || apart.run(t).pid(t) == first {
		t.Error("a worker served two attempts of a task that did not ask for that")
	}
}

// A dry run, or another task of the same name, must not end the worker of the one that is there.
func TestDryRunLeavesWorkersAlone(t *testing.T) {
	s := newSubject(t, nil)
	spec := inline(moduletest.Hello("x"), reused)
	h := s.build(t, spec)
	pid := h.run(t).pid(t)
	_, err := s.service.BuildTask(t.Context(), &pluginv1.BuildTaskRequest{
		Task: taskOf(encode(t, spec)), DryRun: true, Context: &pluginv1.BuildContext{StateDir: s.state},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.run(t).pid(t); got != pid {
		t.Errorf("after a dry run worker %d, and before %d", got, pid)
	}
}

func TestWorkerRetires(t *testing.T) {
	s := newSubject(t, nil)
	t.Run("after a trap", func(t *testing.T) {
		h := s.build(t, inline(moduletest.Trap("unreachable"), reused))
		one, two := h.run(t), h.run(t)
		two.want(t, failed, true, "trap unreachable")
		if one.pid(t) == two.pid(t) || proctest.Alive(one.pid(t)) {
			t.Error("a worker went on after a trap")
		}
	})
	t.Run("after a kill", func(t *testing.T) {
		h := s.build(t, inline(moduletest.Loop(), reused))
		pids := make(map[int]bool)
		for range 2 {
			r := h.start(t, nil)
			r.until(t, moduletest.Ready)
			r.stop(t, pluginv1.StopReason_STOP_REASON_CANCEL)
			r.finish(t).want(t, canceled, false)
			pids[r.pid(t)] = true
			if proctest.Alive(r.pid(t)) {
				t.Errorf("worker %d is alive", r.pid(t))
			}
		}
		if len(pids) != 2 {
			t.Error("a worker went on after a kill")
		}
	})
	t.Run("after growth", func(t *testing.T) {
		if proctest.Raced {
			t.Skip("the race detector takes memory of its own")
		}
		h := s.build(t, inline(moduletest.MemoryBomb(), reused, object{"limits": object{"memory": "128MiB"}}))
		one, two := h.run(t), h.run(t)
		two.want(t, succeeded, false)
		if one.pid(t) == two.pid(t) {
			t.Error("a worker went on that had grown by more than 64 MiB")
		}
	})
	t.Run("while a kill is on its way", func(t *testing.T) {
		// Whatever comes first, the next attempt has a worker that lives.
		h := s.build(t, inline(moduletest.Hello("x"), reused))
		for range 30 {
			r := h.start(t, nil)
			r.stop(t, pluginv1.StopReason_STOP_REASON_CANCEL)
			<-r.done
			h.run(t).succeeded(t, "x")
		}
	})
}

// The kernel's wall around a worker's mounts is closed by its first job. A task whose directory is another one
// than it was gets another worker, which may see it.
func TestReuseKeepsToItsMounts(t *testing.T) {
	dir := tree(t, map[string]string{"a/text": "first", "b/text": "second"})
	s := newSubject(t, object{"mounts": []object{{"path": dir}}})
	at := filepath.Join(dir, "now")
	h := s.build(t, inline(cat("text"), reused, mounts(object{"host": at, "guest": "/in"})))
	var pids []int
	for _, step := range []struct{ to, want string }{{"a", "first"}, {"a", "first"}, {"b", "second"}, {"b", "second"}, {"a", "first"}} {
		link(t, step.to, at)
		r := h.run(t)
		r.succeeded(t, step.want)
		pids = append(pids, r.pid(t))
	}
	if pids[0] != pids[1] || pids[2] != pids[3] || pids[1] == pids[2] || pids[3] == pids[4] {
		t.Errorf("workers %v, want one for each time that the directory stayed the same", pids)
	}
	proctest.Until(t, "the end of the workers of former mounts", func() bool { return !proctest.Alive(pids[0]) && !proctest.Alive(pids[2]) })
}
