package compile

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

func limitOf(err error) Limit {
	limit := (*LimitError)(nil)
	if errors.As(err, &limit) {
		return limit.Limit
	}
	return ""
}

func TestACompileBombIsKilled(t *testing.T) {
	bomb := fileOf(t, moduletest.BranchBomb(8000))
	c := newCompiler(t, Config{Limits: Limits{CPU: time.Second, Wall: proctest.Patience}})
	if _, err := c.Compile(t.Context(), bomb, options()); limitOf(err) != LimitCPU {
		t.Errorf("processor time: %v", err)
	}
	c = newCompiler(t, Config{Limits: Limits{Wall: 200 * time.Millisecond}})
	begun := time.Now()
	if _, err := c.Compile(t.Context(), bomb, options()); limitOf(err) != LimitWall {
		t.Errorf("wall time: %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	c = newCompiler(t, Config{})
	if _, err := c.Compile(t.Context(), fileOf(t, moduletest.CompileBomb(10)), withMaxBody(options(), 100)); !errors.As(err, new(*RefusedError)) {
		t.Errorf("a large function: %v", err)
	}
}

func withMaxBody(o Options, n int) Options {
	o.Rules.MaxBody = n
	return o
}

func TestAMemoryBombDiesAlone(t *testing.T) {
	if proctest.Raced {
		t.Skip("the race detector needs more data than the limit allows")
	}
	c := newCompiler(t, Config{Limits: Limits{Data: 128 << 20, CPU: proctest.Patience}})
	if _, err := c.Compile(t.Context(), fileOf(t, moduletest.CompileBomb(400)), options()); limitOf(err) != LimitData {
		t.Errorf("error %v", err)
	}
	c = newCompiler(t, Config{Limits: Limits{File: 10 << 10}})
	if _, err := c.Compile(t.Context(), fileOf(t, moduletest.CompileBomb(100)), options()); limitOf(err) != LimitFile {
		t.Errorf("large native code: %v", err)
	}
}

// It says nothing of the module, which may be compiled when there is more.
func TestAKillForWantOfMemoryIsNoLimit(t *testing.T) {
	exit := spawn.Exit{Code: -1, Signal: unix.SIGKILL, OOMKilled: true}
	err := Limits{}.orDefault().failure(exit, false)
	if !errors.As(err, new(*CrashError)) || !strings.HasSuffix(err.Error(), "by the kernel for want of memory") {
		t.Errorf("error %v", err)
	}
}

// A module that takes over its compiler finds nothing there.
func TestAChildReachesNothing(t *testing.T) {
	c := newCompiler(t, Config{Args: []string{"curious"}})
	_, err := c.Compile(t.Context(), fileOf(t, moduletest.Hello("x")), options())
	var crash *CrashError
	switch {
	case !errors.As(err, &crash):
		t.Fatalf("error %v", err)
	case crash.Detail == "there is no wall":
		t.Skip("no Landlock in this kernel, or a build with cgo")
	case crash.Detail != "it tried":
		t.Error(crash.Detail)
	}
}

func TestCancelKillsTheChild(t *testing.T) {
	c := newCompiler(t, Config{Args: []string{"hang"}})
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	file := fileOf(t, moduletest.Hello("x"))
	go func() {
		_, err := c.Compile(ctx, file, options())
		done <- err
	}()
	proctest.Until(t, "the child", func() bool { return c.compiling.idle() == 1 })
	cancel(cause)
	if err := <-done; !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	proctest.Until(t, "the child's end", func() bool { return c.compiling.idle() == 2 })
	if _, err := c.Compile(ctx, file, options()); !errors.Is(err, cause) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	c := newCompiler(t, Config{Args: []string{"hang"}})
	file := fileOf(t, moduletest.Hello("x"))
	var wg sync.WaitGroup
	for range 3 { // two with a child, one who waits for its turn
		wg.Go(func() {
			if _, err := c.Compile(t.Context(), file, options()); !errors.Is(err, ErrClosed) {
				t.Errorf("error %v", err)
			}
		})
	}
	proctest.Until(t, "calls", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.all) == 3 && c.compiling.idle() == 0
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if _, err := c.Compile(t.Context(), file, options()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestCallersWithOneKeyShareAChild(t *testing.T) {
	c := newCompiler(t, Config{})
	o := options()
	o.Key = "a"
	var taken []place // nothing flies until all are aboard
	for range 2 {
		p, err := c.compiling.enter(t.Context(), 0, false)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, p)
	}
	file := fileOf(t, moduletest.Hello("shared"))
	results := make(chan *Result, 8)
	var wg sync.WaitGroup
	for range cap(results) {
		wg.Go(func() {
			r, err := c.Compile(t.Context(), file, o)
			if err != nil {
				t.Error(err)
				return
			}
			results <- r
		})
	}
	gone, leave := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := c.Compile(gone, file, o); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
	})
	waiting := func(n int) func() bool {
		return func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.all) == 1 && c.flights["a"].waiting == n
		}
	}
	proctest.Until(t, "all to be aboard", waiting(9))
	leave()
	proctest.Until(t, "one to leave", waiting(8))
	for _, p := range taken {
		c.compiling.leave(p)
	}
	wg.Wait()
	close(results)
	usage := map[Usage]bool{}
	files := map[uintptr]bool{}
	for r := range results {
		usage[r.Usage], files[r.Derived.Fd()], files[r.Native.File.Fd()], files[r.Shell.File.Fd()] = true, true, true, true
		if n, err := io.Copy(io.Discard, io.NewSectionReader(r.Native.File, 0, 1<<20)); err != nil || n == 0 {
			t.Errorf("%d bytes of native code, %v", n, err)
		}
		t.Cleanup(func() { _ = r.Close() })
	}
	if len(usage) != 1 || len(files) != 24 {
		t.Errorf("%d children and %d descriptors, want 1 and 24", len(usage), len(files))
	}
}

// When nobody waits any more the child is killed, and who comes then gets another.
func TestTheLastToLeaveEndsTheFlight(t *testing.T) {
	c := newCompiler(t, Config{Args: []string{"hang"}, AtOnce: 2})
	o := options()
	o.Key = "a"
	file := fileOf(t, moduletest.Hello("x"))
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := c.Compile(ctx, file, o); !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
			})
		}
		proctest.Until(t, "the flight", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.flights["a"] != nil && c.flights["a"].waiting == 3
		})
		cancel()
		wg.Wait()
	}
	proctest.Until(t, "the children's end", func() bool { return c.compiling.idle() == 3 })
}

func TestCompilingKeepsNoDescriptors(t *testing.T) {
	c := newCompiler(t, Config{AtOnce: 2})
	file := fileOf(t, moduletest.Hello("x"))
	before := proctest.Descriptors(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := c.Compile(t.Context(), file, options())
			if err != nil {
				t.Error(err)
				return
			}
			_ = r.Close()
		})
	}
	wg.Wait()
	proctest.Until(t, "descriptors to be closed", func() bool { return proctest.Descriptors(t) <= before })
}
