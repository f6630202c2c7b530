package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOutputIsCompleteAndExact(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	big := make([]byte, 8<<20)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(big)
	files := map[string][]byte{
		"all bytes": all, "8 MiB": big, "one line": bytes.Repeat([]byte("x"), 1<<20), "nothing": nil,
	}
	for name, data := range files {
		path := write(t, "data", data, 0o644)
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, e *Engine) {
				out := newTrial("/bin/cat", path)
				out.run(t, e)
				check(t, "stdout", out.stdout.Bytes(), data)
				check(t, "stderr", out.stderr.Bytes(), nil)
				both := newTrial("/bin/sh", "-c", `cat "$0" >&2; cat "$0"`, path)
				both.run(t, e)
				check(t, "stdout", both.stdout.Bytes(), data)
				check(t, "stderr", both.stderr.Bytes(), data)
			})
		})
	}
}

func check(t *testing.T, stream string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes, want %d, or they differ", stream, len(got), len(want))
	}
}

func TestTheLastBytesBeforeTheEndArrive(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		for i := range 50 {
			tr := sh(fmt.Sprintf("printf out%d; printf err%d >&2; kill -9 $$", i, i))
			tr.run(t, e)
			if got, want := tr.stdout.String(), fmt.Sprintf("out%d", i); got != want {
				t.Fatalf("stdout: got %q, want %q", got, want)
			}
			if got, want := tr.stderr.String(), fmt.Sprintf("err%d", i); got != want {
				t.Fatalf("stderr: got %q, want %q", got, want)
			}
		}
	})
}

func TestATaskThatClosesItsOutputsIsStillFollowed(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		tr := sh("exec >&- 2>&-; sleep 0.1; exit 5")
		if exit := tr.run(t, e); exit.Code != 5 {
			t.Errorf("got %+v, want exit code 5", exit)
		}
	})
}

// A gate is a writer that waits to be opened.
type gate struct {
	open    chan struct{}
	waiting chan struct{} // gets one value per write
	n       int
}

func newGate() *gate {
	return &gate{open: make(chan struct{}), waiting: make(chan struct{}, 1<<16)}
}

func (g *gate) Write(p []byte) (int, error) {
	g.waiting <- struct{}{}
	<-g.open
	g.n += len(p)
	return len(p), nil
}

func TestASlowReaderHoldsTheTaskBack(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		mark := write(t, "mark", nil, 0o644)
		tr := newTrial("/bin/sh", "-c", `head -c 1000000 /dev/zero; echo done >"$0"`, mark)
		g := newGate()
		tr.cmd.Stdout = g
		time.AfterFunc(200*time.Millisecond, func() {
			if info, err := os.Stat(mark); err != nil || info.Size() != 0 {
				t.Error("the task went on although nobody read its output")
			}
			close(g.open)
		})
		tr.run(t, e)
		if g.n != 1000000 {
			t.Errorf("got %d bytes, want 1000000", g.n)
		}
	})
}

func TestForceReachesATaskWhoseReaderIsStuck(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		tr := sh("trap '' TERM; while :; do echo y; done; sleep TAG")
		g := newGate()
		tr.cmd.Stdout = g
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan Exit)
		go func() { done <- tr.runIn(ctx, t, e) }()
		leader := <-tr.leader
		<-g.waiting
		cancel()
		close(tr.force)
		until(t, "the leader's death", func() bool {
			data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", leader.PID))
			return len(data) == 0 // of a zombie
		})
		close(g.open)
		if exit := <-done; exit.Signal != unix.SIGKILL {
			t.Errorf("got %+v, want SIGKILL", exit)
		}
	})
}

type brokenWriter struct{ n int }

func (w *brokenWriter) Write([]byte) (int, error) {
	w.n++
	return 0, errors.New("nobody reads this any more")
}

func TestABrokenReaderDoesNotStopTheTask(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		tr := sh("head -c 1000000 /dev/zero; exit 3")
		w := new(brokenWriter)
		tr.cmd.Stdout = w
		if exit := tr.run(t, e); exit.Code != 3 || w.n != 1 {
			t.Errorf("got %+v after %d writes, want exit code 3 after one", exit, w.n)
		}
	})
}

func TestAPipeHeldFromOutsideIsGivenUp(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		e.drain = 100 * time.Millisecond
		tr := sh("echo hello; read x < $FIFO; exit 4")
		fifo := t.TempDir() + "/fifo"
		if err := unix.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		tr.cmd.Env = append(tr.cmd.Env, "FIFO="+fifo)
		go func() {
			leader := <-tr.leader
			held, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", leader.PID), os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
			}
			t.Cleanup(func() { _ = held.Close() })
			if err := os.WriteFile(fifo, []byte("go\n"), 0); err != nil {
				t.Error(err)
			}
		}()
		exit := tr.run(t, e)
		if !exit.Cut || exit.Code != 4 || tr.stdout.String() != "hello\n" {
			t.Errorf("got %+v and %q, want a cut output after hello, and exit code 4", exit, tr.stdout.String())
		}
		// The poller went back to the pool; the next attempt must find it clean.
		if next := sh("echo again").run(t, e); next.Cut || next.Code != 0 {
			t.Errorf("next attempt: got %+v", next)
		}
	})
}
