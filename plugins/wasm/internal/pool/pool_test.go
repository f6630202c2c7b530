package pool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

func TestTakenWorkersAreReplaced(t *testing.T) {
	p := newPool(t, Options{Warm: 2})
	m := hello(t, "a")
	first := p.mustTake(t, m, "")
	p.idles(t, 2)
	second := p.mustTake(t, m, "")
	p.idles(t, 2)
	for _, w := range []*Worker{first, second} {
		p.mustRun(t, w, true)
		if !w.ended() {
			t.Error("a worker is there after its last job")
		}
	}
	if st := p.Stats(); st.Hits != 1 || st.Misses != 1 || st.IdleBytes <= 0 {
		t.Errorf("got %+v", st)
	}
	if other := p.mustTake(t, hello(t, "b"), ""); other.key != "b" {
		t.Errorf("got a worker of image %s", other.key)
	}
}

func TestLeasesAreNotShared(t *testing.T) {
	p := newPool(t, Options{})
	m := hello(t, "a")
	one := p.mustTake(t, m, "one")
	p.mustRun(t, one, false)
	two := p.mustTake(t, m, "two")
	if two == one {
		t.Fatal("a worker served two leases")
	}
	p.mustRun(t, two, false)
	if none := p.mustTake(t, m, ""); none == one || none == two {
		t.Error("a worker that served a lease was given to nobody's")
	}
	if again := p.mustTake(t, m, "one"); again != one {
		t.Error("a lease did not get its worker")
	} else {
		p.mustRun(t, again, false)
	}
	p.Drop("")
	p.idles(t, 2)
	p.Drop("one")
	one.mustEnd(t)
	p.idles(t, 1)
}

func TestWorkersThatAreNotKept(t *testing.T) {
	good := wire.Status{End: wire.Exited, Reusable: true}
	for name, c := range map[string]struct {
		lease  string
		status wire.Status
		kill   bool
		jobs   int
	}{
		"without a lease": {"", good, false, 0},
		"after a trap":    {"x", wire.Status{End: wire.Trapped, Reusable: true}, false, 0},
		"that have grown": {"x", wire.Status{End: wire.Exited}, false, 0},
		"that were killed, though too late for the attempt": {"x", good, true, 0},
		"that have served enough":                           {"x", good, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, Options{Jobs: 3})
			w := p.mustTake(t, hello(t, "a"), c.lease)
			w.jobs = c.jobs
			if c.kill {
				w.Kill()
			}
			p.Return(w, c.status)
			if !w.ended() || p.Stats().Idle != 0 {
				t.Error("it is still there")
			}
		})
	}
}

func TestDeadWorkersAreNotGiven(t *testing.T) {
	p := newPool(t, Options{Warm: 1})
	m := hello(t, "a")
	p.mustTake(t, m, "")
	p.idles(t, 1)
	p.mu.Lock()
	idle := p.idle[0]
	p.mu.Unlock()
	if err := unix.Kill(idle.PID(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	idle.mustEnd(t)
	w := p.mustTake(t, m, "")
	if w == idle {
		t.Fatal("a dead worker was given")
	}
	p.mustRun(t, w, true)
}

func TestRunTellsHowAWorkerEnded(t *testing.T) {
	p := newPool(t, Options{})
	m := newModule(t, "loop", moduletest.Loop())
	for n := range 20 {
		ours := n < 2
		w := p.mustTake(t, m, "x")
		end := make(chan error, 1)
		go func() {
			_, _, err := w.Run(wire.Job{}, &text{}, wire.Limit{})
			end <- err
		}()
		proctest.Until(t, "the guest", func() bool { return w.parent.Usage().PagesPeak > 0 })
		if ours {
			w.Kill()
		} else if err := unix.Kill(w.PID(), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		var crash *CrashError
		if err := <-end; !errors.As(err, &crash) || crash.Killed != ours || crash.Exit.Signal != unix.SIGKILL {
			t.Errorf("got %v", err)
		} else if crash.Exit.Killed != ours {
			t.Errorf("killed by us: %v, but it is told as %v", ours, crash.Exit.Killed)
		}
		if !w.ended() {
			t.Error("Run returned before its worker was gone")
		}
	}
}

func TestIdleWorkersEndInTime(t *testing.T) {
	p := newPool(t, Options{Warm: 2, Idle: 50 * time.Millisecond})
	p.mustTake(t, hello(t, "a"), "")
	proctest.Until(t, "workers in advance", func() bool { return p.Stats().Started == 3 })
	p.idles(t, 0)
}

func TestFewerWorkersAreWanted(t *testing.T) {
	p := newPool(t, Options{Warm: 2})
	m := hello(t, "a")
	leased := p.mustTake(t, m, "x")
	p.idles(t, 2)
	p.mustRun(t, leased, false)
	p.idles(t, 3)
	p.Set(Options{Warm: 0})
	p.idles(t, 1) // those of leases are no question of being warm
	p.Set(Options{Memory: 1})
	p.idles(t, 0)
	leased.mustEnd(t)
}

func TestImageThatIsGone(t *testing.T) {
	p := newPool(t, Options{Warm: 1})
	m := hello(t, "a")
	p.mustTake(t, m, "")
	p.idles(t, 1)
	m.mu.Lock()
	m.gone = true
	m.mu.Unlock()
	p.mustRun(t, p.mustTake(t, m, ""), true) // one waits; another cannot be started
	if _, err := p.Take(t.Context(), m, ""); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.starting) != 0 {
		t.Errorf("on their way: %v", p.starting)
	}
}

func touch(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	o := Options{Temp: t.TempDir(), Warm: 1}
	touch(t, o.Temp, "deaf")
	p := newPool(t, o)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	taken := make(chan error, 1)
	m := hello(t, "a")
	go func() {
		_, err := p.Take(ctx, m, "")
		taken <- err
	}()
	proctest.Until(t, "the worker", func() bool { return m.held() > 0 })
	cancel(cause)
	if err := <-taken; !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Take(ctx, m, ""); !errors.Is(err, cause) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestWorkerThatDiesWhileItLoads(t *testing.T) {
	o := Options{Temp: t.TempDir()}
	touch(t, o.Temp, "broken")
	p := newPool(t, o)
	var crash *CrashError
	if _, err := p.Take(t.Context(), hello(t, "a"), ""); !errors.As(err, &crash) || crash.Exit.Code != 4 || crash.Exit.Stderr != "it broke" {
		t.Errorf("got %v", err)
	}
	var refused *wire.RefusalError
	if _, err := p.Take(t.Context(), newModule(t, "b", []byte("nonsense")), ""); err == nil || errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(filepath.Join(o.Temp, "broken")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Take(t.Context(), newModule(t, "b", []byte("nonsense")), ""); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

// Refills that never come to an end are ended.
func TestCloseEndsRefills(t *testing.T) {
	o := Options{Temp: t.TempDir(), Warm: 2}
	p := newPool(t, o)
	m := hello(t, "a")
	w := p.mustTake(t, m, "x")
	p.idles(t, 2)
	touch(t, o.Temp, "deaf")
	p.mustTake(t, m, "")
	proctest.Until(t, "a refill", func() bool { return m.held() > 0 })
	p.Close()
	p.Close()
	if _, err := p.Take(t.Context(), m, ""); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	p.Set(Options{Warm: 5})
	p.Drop("x")
	p.mustRun(t, w, false) // who has a worker keeps it
	if !w.ended() {
		t.Error("a worker was kept by a pool that is closed")
	}
}

// Everything at once, for the race detector.
func TestCrowd(t *testing.T) {
	p := newPool(t, Options{Warm: 1, Idle: 20 * time.Millisecond, Memory: 64 << 20})
	m := hello(t, "a")
	var crowd sync.WaitGroup
	for i := range 6 {
		crowd.Go(func() {
			for k := range 5 {
				lease := ""
				if i%2 == 0 {
					lease = string(rune('a' + i))
				}
				w, err := p.Take(t.Context(), m, lease)
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				status, _, err := w.Run(wire.Job{Last: lease == ""}, &text{}, wire.Limit{})
				if err != nil {
					t.Error(err)
				} else if lease != "" {
					p.Return(w, status)
				}
				if k == 2 {
					p.Drop(lease)
					p.Set(Options{Warm: k, Temp: p.temp()})
				}
				if i == 5 && k == 4 {
					p.Close()
				}
			}
		})
	}
	crowd.Wait()
}

func (p *Pool) temp() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.o.Temp
}
