package worker_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A subject is a worker process and the plugin's end of the way to it.
type subject struct {
	*wire.Parent
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ready  wire.Ready
}

// An image is a module, with native code and its shell, in files that do not change.
type image struct {
	module, native, shell *os.File
	name, shellName       string
}

// sealed puts bytes into a file that nobody can change.
func sealed(tb testing.TB, b []byte) *os.File {
	tb.Helper()
	f, err := memfile.Of("test", b)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// compiled makes an image with native code, as the compile child would.
func compiled(tb testing.TB, wasm []byte) image {
	tb.Helper()
	shell, err := module.Shell(wasm)
	if err != nil {
		tb.Fatal(err)
	}
	native, name := code(tb, wasm)
	_, shellName := code(tb, shell)
	return image{sealed(tb, wasm), sealed(tb, native), sealed(tb, shell), name, shellName}
}

// code returns the native code that the engine makes, and where it looks for it.
func code(tb testing.TB, wasm []byte) (native []byte, name string) {
	tb.Helper()
	dir := tb.TempDir()
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(tb.Context(), guest.Config(wire.EngineCompiler, true, false).WithCompilationCache(cache))
	if _, err := r.CompileModule(tb.Context(), wasm); err != nil {
		tb.Fatal(err)
	}
	defer cache.Close(tb.Context())
	defer r.Close(tb.Context())
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 1 {
		tb.Fatalf("files in the cache: %v, %v; want one", files, err)
	}
	if native, err = os.ReadFile(files[0]); err != nil {
		tb.Fatal(err)
	}
	return native, strings.TrimPrefix(files[0], dir+"/")
}

func (i image) load(l wire.Load) wire.Load {
	l.Module, l.Native, l.NativeName, l.TailCall = i.module, i.native, i.name, true
	l.Shell, l.ShellName = i.shell, i.shellName
	return l
}

// start starts a worker process.
func start(tb testing.TB) *subject {
	tb.Helper()
	return startAs(tb, wire.Mode)
}

// startAs starts a worker process with another mode.
func startAs(tb testing.TB, mode string) *subject {
	tb.Helper()
	p, child, err := wire.NewParent()
	if err != nil {
		tb.Fatal(err)
	}
	s := &subject{Parent: p, cmd: exec.Command(os.Args[0], mode)}
	s.cmd.ExtraFiles = []*os.File{child}
	s.cmd.Stderr = &s.stderr
	s.cmd.Env = []string{"GOMAXPROCS=1", "TMPDIR=" + os.TempDir()}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = s.cmd.Start()
	child.Close()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// loaded starts a worker and gives it a module.
func loaded(tb testing.TB, l wire.Load) *subject {
	tb.Helper()
	s := start(tb)
	ready, err := s.Load(tb.Context(), l)
	if err != nil {
		s.kill()
		tb.Fatalf("load: %v\n%s", err, &s.stderr)
	}
	s.ready = ready
	tb.Cleanup(func() { s.kill() })
	return s
}

// kill ends the worker and tells how it ended.
func (s *subject) kill() error {
	_ = s.cmd.Process.Kill()
	return s.wait()
}

func (s *subject) wait() error {
	if s.Parent == nil {
		return nil
	}
	err := s.cmd.Wait()
	err = errors.Join(err, s.Close())
	s.Parent = nil
	return err
}

// A record is an outlet that keeps everything.
type record struct {
	mu      sync.Mutex
	out     [3]bytes.Buffer
	order   []wire.Stream
	gaps    [3]int64
	arrived chan struct{} // closed at the first output, if set
}

func (r *record) Output(s wire.Stream, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrived != nil && r.out[s].Len() == 0 && r.out[3-s].Len() == 0 {
		close(r.arrived)
	}
	r.out[s].Write(p)
	r.order = append(r.order, s)
}

func (r *record) Gap(s wire.Stream, n int64) { r.gaps[s] += n }

// run runs a job in a fresh worker.
func run(t *testing.T, wasm []byte, l wire.Load, job wire.Job) (wire.Status, *record, *subject) {
	t.Helper()
	s := loaded(t, compiled(t, wasm).load(l))
	out := &record{}
	status, err := s.Run(job, out, wire.Limit{})
	if err != nil {
		t.Fatalf("run: %v; %v\n%s", err, s.wait(), &s.stderr)
	}
	return status, out, s
}

// within fails the test if it takes longer than a minute, with what all goroutines do.
func within(t *testing.T) {
	timer := time.AfterFunc(time.Minute, func() { panic(t.Name() + " hangs") })
	t.Cleanup(func() { timer.Stop() })
}
