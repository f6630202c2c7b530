package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/host/task"
)

var (
	hostile string // path of the hostile plugin
	long    = os.Getenv("SOLTI_LONG") != ""
	hosts   atomic.Int64
)

func TestMain(m *testing.M) {
	if os.Getenv("SOLTI_TEST_HOST") != "" {
		os.Exit(childHost())
	}
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		panic(err)
	}
	hostile = filepath.Join(dir, "hostile")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", hostile, "./testdata/hostile").CombinedOutput(); err != nil {
		fmt.Printf("build the hostile plugin: %v\n%s", err, out)
		os.Exit(1)
	}
	fds := openFiles()
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Println("goroutines are left:", err)
		code = 1
	}
	if now := openFiles(); code == 0 && now > fds+2 { // the runtime's own poller may have come
		fmt.Printf("%d files are open, %d were at the start\n", now, fds)
		code = 1
	}
	if left := children(); code == 0 && len(left) > 0 {
		fmt.Println("children are left:", left)
		code = 1
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func openFiles() int {
	fds, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(fds)
}

// children returns our child processes, zombies included.
func children() (pids []int) {
	all, err := fence.Processes()
	if err != nil {
		panic(err)
	}
	for _, p := range all {
		if p.Parent == os.Getpid() {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// A bundle is a Set with the directories that belong to it.
type bundle struct {
	*Set
	t    testing.TB
	opts Options
	log  *lockedBuffer
}

// lockedBuffer is a log that tests read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// fast are waits for tests; start and probe stay generous because machines are busy.
var fast = Timing{
	Start: 10 * time.Second, Probe: 5 * time.Second, Call: 2 * time.Second, StopSlack: 200 * time.Millisecond,
	Grace: 2 * time.Second, FenceRetry: 5 * time.Second, Release: 5 * time.Millisecond,
	Liveness: Liveness{Every: 200 * time.Millisecond, Deadline: 2 * time.Second, Misses: 3},
	Crash:    CrashPolicy{First: 10 * time.Millisecond, Max: 50 * time.Millisecond},
}

var naps atomic.Int64

// napping returns settings with a fault that leaves a process behind, and the argument by which that
// is found whatever else it has shed.
func napping(fault string) (Settings, string) {
	nap := fmt.Sprintf("300.%d%d", os.Getpid(), naps.Add(1))
	return mode(fault, "HOSTILE_NAP", nap), nap
}

// awake returns the living processes that have the argument.
func awake(t testing.TB, nap string) (pids []int) {
	t.Helper()
	all, err := fence.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
		if !p.Dead() && bytes.Contains(args, []byte("sleep\x00"+nap)) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// mode returns settings that give the hostile plugin a fault.
func mode(fault string, more ...string) Settings {
	env := map[string]string{"HOSTILE": fault}
	for i := 0; i+1 < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return Settings{Env: env}
}

// prepare makes the directories of a Set of plugins, by name, all of them the hostile one. At the end
// of the test nothing of it may be left.
func prepare(t testing.TB, plugins map[string]Settings, change ...func(*Options)) *bundle {
	t.Helper()
	tmp, err := os.MkdirTemp("", "st") //nolint:usetesting // t.TempDir would make the sockets' paths too long
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(tmp, "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name := range plugins {
		if err := os.Link(hostile, filepath.Join(dir, "solti-runner-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	log := new(lockedBuffer)
	b := &bundle{t: t, log: log, opts: Options{
		Dir: dir, RunDir: filepath.Join(tmp, "run"), StateDir: filepath.Join(tmp, "state"), Plugins: plugins,
		HostID: fmt.Sprintf("t%d-%d", os.Getpid(), hosts.Add(1)), HostVersion: "test", Timing: fast,
		Log: hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Trace}),
	}}
	for _, f := range change {
		f(&b.opts)
	}
	t.Cleanup(func() {
		b.verifyNothingLeft()
		if t.Failed() {
			t.Logf("log:\n%s", tailOf(log.String()))
		}
		_ = os.RemoveAll(tmp)
	})
	return b
}

func tailOf(s string) string {
	if len(s) > 8000 {
		return "..." + s[len(s)-8000:]
	}
	return s
}

// newSet opens and starts a Set, and stops it at the end.
func newSet(t testing.TB, plugins map[string]Settings, change ...func(*Options)) *bundle {
	t.Helper()
	b := prepare(t, plugins, change...)
	b.start()
	return b
}

func (b *bundle) start() {
	b.t.Helper()
	s, err := Open(b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Set = s
	b.t.Cleanup(func() { b.halt() })
	if err := s.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// halt stops the set within a bound that no fault may stretch.
func (b *bundle) halt() time.Duration {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	began := time.Now()
	if err := b.Stop(ctx); err != nil {
		b.t.Errorf("Stop: %v", err)
	}
	return time.Since(began)
}

// verifyNothingLeft looks for processes and directories of the set.
func (b *bundle) verifyNothingLeft() {
	b.t.Helper()
	if left := b.marked(); len(left) > 0 {
		b.t.Errorf("processes are left: %v", left)
		_ = fence.Kill(context.Background(), func(p fence.Process) bool {
			return p.Environ("SOLTI_")["SOLTI_HOST_ID"] == b.opts.HostID
		})
	}
	if entries, _ := os.ReadDir(b.opts.RunDir); len(entries) > 0 {
		b.t.Errorf("launch directories are left: %v", entries)
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/unified/solti-" + b.opts.HostID)
	if len(groups) > 0 {
		b.t.Errorf("cgroups are left: %v", groups)
	}
}

// marked returns the living processes that carry the host's mark.
func (b *bundle) marked() (pids []int) {
	all, err := fence.Processes()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range all {
		if !p.Dead() && p.Environ("SOLTI_")["SOLTI_HOST_ID"] == b.opts.HostID {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// settle waits until all plugins are ready or have failed.
func (b *bundle) settle() {
	b.t.Helper()
	select {
	case <-b.Settled():
	case <-time.After(20 * time.Second):
		b.t.Fatalf("not settled: %+v", b.Status())
	}
}

// plugin returns the registered plugin called name.
func (b *bundle) plugin(name string) *Plugin {
	b.t.Helper()
	for _, p := range b.Plugins() {
		if p.Name() == name {
			return p
		}
	}
	b.t.Fatalf("no plugin %s", name)
	return nil
}

func (b *bundle) of(name string) task.Plugin {
	b.t.Helper()
	for _, s := range b.Status() {
		if s.Name == name {
			return s
		}
	}
	b.t.Fatalf("no status of %s", name)
	return task.Plugin{}
}

// await waits until the status of a plugin is as wanted.
func (b *bundle) await(name, what string, ok func(task.Plugin) bool) task.Plugin {
	b.t.Helper()
	timeout := time.After(15 * time.Second)
	for {
		changed := b.Changed()
		s := b.of(name)
		if ok(s) {
			return s
		}
		select {
		case <-changed:
		case <-timeout:
			b.t.Fatalf("%s is never %s: %+v", name, what, s)
		}
	}
}

func isState(want task.PluginState) func(task.Plugin) bool {
	return func(s task.Plugin) bool { return s.State == want }
}

func (b *bundle) awaitReady(name string) *Plugin {
	b.t.Helper()
	b.await(name, "ready", isState(task.PluginReady))
	return b.plugin(name)
}

// work returns a task that wants the hostile plugin to do something.
func work(do string) *task.Task {
	spec, err := json.Marshal(map[string]string{"do": do})
	if err != nil {
		panic(err)
	}
	return &task.Task{
		Metadata: task.Metadata{Name: "t", UID: task.NewUID(time.Now()), Generation: 1},
		Spec:     task.Spec{Slot: "s", Workload: task.Workload{APIVersion: "acme.dev/v1", Kind: "Probe", Spec: spec}},
	}
}

// A recorder is a Sink that keeps everything.
type recorder struct {
	started chan struct{}
	facts   map[string]string // to be read after started
	mu      sync.Mutex
	out     strings.Builder
	gaps    int64
	first   chan struct{} // closed by the first output
	once    sync.Once
}

func newRecorder() *recorder {
	return &recorder{started: make(chan struct{}), first: make(chan struct{})}
}

func (r *recorder) Started(_ string, facts map[string]string) {
	r.facts = facts
	close(r.started)
}

func (r *recorder) Output(_ task.Stream, _ int64, data []byte, _ time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Write(data)
	r.once.Do(func() { close(r.first) })
}

func (r *recorder) Gap(_ task.Stream, _, n int64, _ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gaps += n
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

var runIDs atomic.Int64

func attemptOf(p *Plugin, do string) Attempt {
	t := work(do)
	return Attempt{
		RunID: task.RunID(fmt.Sprintf("%s-s-%d", p.Name(), runIDs.Add(1))), Handle: t.Metadata.UID.String() + "/1",
		Number: 1, Task: t, StopGrace: 200 * time.Millisecond,
	}
}

// A result is what Run returned.
type result struct {
	exit Exit
	err  error
	took time.Duration
}

// run runs an attempt in the background.
func run(ctx context.Context, p *Plugin, do string) (*recorder, <-chan result) {
	r, c := newRecorder(), make(chan result, 1)
	a := attemptOf(p, do)
	go func() {
		began := time.Now()
		exit, err := p.Run(ctx, a, r)
		c <- result{exit, err, time.Since(began)}
	}()
	return r, c
}

// within waits for a result.
func within(t *testing.T, d time.Duration, c <-chan result) result {
	t.Helper()
	select {
	case r := <-c:
		return r
	case <-time.After(d):
		buf := make([]byte, 1<<20)
		t.Fatalf("no result within %s\n%s", d, buf[:runtime.Stack(buf, true)])
		return result{}
	}
}

// works checks that a plugin does its work.
func works(t *testing.T, p *Plugin) {
	t.Helper()
	r, c := run(t.Context(), p, "")
	if got := within(t, 10*time.Second, c); got.err != nil || r.text() != "hello" {
		t.Errorf("plugin %s: output %q, error %v, want hello", p.Name(), r.text(), got.err)
	}
}
