package pool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A module is an image that counts who has it. Its workers compile it, which nothing bounds.
type module struct {
	key  string
	file *os.File

	mu    sync.Mutex
	users int  // guarded by mu
	gone  bool // guarded by mu
}

// users counts who has any image; tests follow one another.
var users atomic.Int64

var errGone = errors.New("the image is gone")

func newModule(t *testing.T, key string, wasm []byte) *module {
	t.Helper()
	f, err := memfile.Of("wasm", wasm)
	if err != nil {
		t.Fatal(err)
	}
	m := &module{key: key, file: f}
	t.Cleanup(func() { _ = f.Close() })
	return m
}

func (m *module) Key() string { return m.key }

func (m *module) Load() (wire.Load, func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return wire.Load{}, nil, errGone
	}
	m.users++
	users.Add(1)
	return wire.Load{Module: m.file, Pages: 16, NoMounts: true}, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.users--
		users.Add(-1)
	}, nil
}

func (m *module) held() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.users
}

func hello(t *testing.T, key string) *module { return newModule(t, key, moduletest.Hello("hello")) }

// newPool makes a pool whose workers are this binary. Nothing may be left at the end of the test.
func newPool(t *testing.T, o Options) *Pool {
	t.Helper()
	s, err := spawn.New(2)
	if err != nil {
		t.Fatal(err)
	}
	if o.Temp == "" {
		o.Temp = t.TempDir()
	}
	p := New(s, o)
	t.Cleanup(func() {
		p.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(o.Temp + "/worker-*"); len(left) > 0 {
			t.Errorf("workers left %v", left)
		}
		if n := users.Load(); n != 0 {
			t.Errorf("%d have an image still", n)
		}
		if st := p.Stats(); st.Idle != 0 || st.IdleBytes != 0 {
			t.Errorf("after Close: %+v", st)
		}
	})
	return p
}

func (p *Pool) mustTake(t *testing.T, m *module, lease string) *Worker {
	t.Helper()
	w, err := p.Take(t.Context(), m, lease)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.finish(w) })
	return w
}

// text is an outlet.
type text struct{ s string }

func (o *text) Output(_ wire.Stream, p []byte) { o.s += string(p) }
func (o *text) Gap(wire.Stream, int64)         {}

// mustRun runs a guest that ends well, and gives the worker back if it is not its last job.
func (p *Pool) mustRun(t *testing.T, w *Worker, last bool) {
	t.Helper()
	var out text
	status, _, err := w.Run(wire.Job{Last: last}, &out, wire.Limit{})
	if err != nil || status.End != wire.Exited || status.Code != 0 {
		t.Fatalf("run: %+v, %v", status, err)
	}
	if !last {
		p.Return(w, status)
	}
}

func (p *Pool) idles(t *testing.T, n int) {
	t.Helper()
	proctest.Until(t, "the number of idle workers", func() bool { return p.Stats().Idle == n })
}

func (w *Worker) mustEnd(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), proctest.Patience)
	defer cancel()
	if _, err := w.proc.Wait(ctx); err != nil {
		t.Errorf("worker %d: %v", w.PID(), err)
	}
}
