package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// prefix is the path of all resources.
const prefix = "/apis/solti.io/v1"

// A server is a host process, and what tests do with it.
type server struct {
	t      *testing.T
	dir    string // its state directory
	args   []string
	env    []string
	user   *syscall.Credential // nil means that of the tests
	cmd    *exec.Cmd
	exited chan error
	log    logBuffer
	http   *http.Client // over the Unix socket
	client *client.Client
}

// newServer returns a server that was not started, with a state directory of its own.
func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-") //nolint:usetesting // t.TempDir would make the sockets' paths too long
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, args: append([]string{"--listen", "none", "--plugin-dir", plugins}, args...)}
	s.http = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(dir, task.SocketFile))
	}}}
	if s.client, err = client.New(client.Options{StateDir: dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.stop()
		}
		if t.Failed() {
			t.Logf("log of the host:\n%s", s.log.String())
		}
		s.http.CloseIdleConnections()
		s.client.Close()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve returns a server that takes submissions.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	s := newServer(t, args...)
	s.start()
	return s
}

// start starts the process and waits until it is ready.
func (s *server) start() {
	s.t.Helper()
	s.launch("the host is ready", func() bool {
		r, err := s.client.Ready(s.t.Context())
		return err == nil && r.Ready
	})
}

// launch starts the process and waits until ok.
func (s *server) launch(what string, ok func() bool) {
	s.t.Helper()
	s.cmd = exec.Command(program, append([]string{"serve", "--state-dir", s.dir}, s.args...)...) //nolint:noctx // ended by stop and kill
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "SOLTI_GRACE=2s"}, s.env...)
	s.cmd.Stderr = &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited, cmd := make(chan error, 1), s.cmd
	go func() { exited <- cmd.Wait() }()
	s.exited = exited
	s.poll(what, func() bool {
		select {
		case err := <-exited:
			exited <- err
			s.t.Fatalf("the host ended at its start: %v", err)
		default:
		}
		return ok()
	})
}

// stop asks the process to end, which it must do well.
func (s *server) stop() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.exited:
		if err != nil {
			s.t.Errorf("the host ended with %v", err)
		}
	case <-time.After(patience):
		s.t.Error("the host does not end")
		s.kill()
	}
	s.cmd = nil
}

// kill ends the process as a crash would.
func (s *server) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	<-s.exited
	s.http.CloseIdleConnections() // the next host must not be asked over a connection to this one
	s.cmd = nil
}

// poll waits until ok.
func (s *server) poll(what string, ok func() bool) {
	s.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); !ok(); <-again.C {
		if time.Now().After(end) {
			s.t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

// An answer is what the host says to one request.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

// status returns the answer as a failure.
func (a answer) status(t *testing.T) task.APIStatus {
	t.Helper()
	var s task.APIStatus
	if err := json.Unmarshal(a.body, &s); err != nil || s.Kind != task.KindStatus {
		t.Fatalf("%d is no Status: %s", a.code, a.body)
	}
	return s
}

// task returns the answer as a task.
func (a answer) task(t *testing.T) *task.Task {
	t.Helper()
	got := new(task.Task)
	if err := json.Unmarshal(a.body, got); err != nil || got.Kind != task.KindTask {
		t.Fatalf("%d is no Task: %s", a.code, a.body)
	}
	return got
}

// do sends a request with the header fields that follow in pairs.
func (s *server) do(method, path string, body io.Reader, header ...string) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}

// submit submits a document, which must be accepted.
func (s *server) submit(doc string) *task.Task {
	s.t.Helper()
	a := s.do(http.MethodPost, prefix+"/tasks", strings.NewReader(doc))
	if a.code != http.StatusCreated {
		s.t.Fatalf("submit: %d %s", a.code, a.body)
	}
	return a.task(s.t)
}

// names returns the names of all stored tasks.
func (s *server) names() []string {
	s.t.Helper()
	var names []string
	list, err := s.client.List(s.t.Context(), task.Query{Limit: task.MaxPage})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, it := range list.Items {
		names = append(names, string(it.Metadata.Name))
	}
	return names
}

// over waits until a task is over.
func (s *server) over(name task.Name) *task.Task {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	got, err := s.client.Wait(ctx, name, task.UID{})
	if err != nil {
		s.t.Fatalf("wait for %s: %v", name, err)
	}
	return got
}

// until waits until a task is as ok says.
func (s *server) until(name task.Name, what string, ok func(*task.Task) bool) *task.Task {
	s.t.Helper()
	var got *task.Task
	s.poll("task "+string(name)+" is "+what, func() bool {
		var err error
		got, err = s.client.Get(s.t.Context(), name)
		return err == nil && ok(got)
	})
	return got
}

// output returns everything a task has written.
func (s *server) output(name task.Name) string {
	s.t.Helper()
	a := s.do(http.MethodGet, prefix+"/tasks/"+string(name)+"/output", nil)
	if a.code != http.StatusOK {
		s.t.Fatalf("output of %s: %d %s", name, a.code, a.body)
	}
	return string(a.body)
}

// command runs the program and returns its output; it must exit with code.
func (s *server) command(code int, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "SOLTI_STATE_DIR=" + s.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("%q: exit code %d, want %d\n%s%s", args, got, code, out.String(), errs.String())
	}
	return out.String()
}

// shell returns a document of a task that runs a shell script; more goes into its spec.
func shell(name, script, more string) string {
	text, err := json.Marshal(script)
	if err != nil {
		panic(err)
	}
	if !strings.Contains(more, `"slot"`) {
		more = `"slot": "` + name + `"` + strings.TrimSuffix(", "+more, ", ")
	}
	return `{"apiVersion": "solti.io/v1", "kind": "Task", "metadata": {"name": "` + name + `"}, "spec": {` + more +
		`, "workload": {"apiVersion": "solti.io/v1", "kind": "Subprocess", "spec": {"command": "sh", "args": ["-c", ` + string(text) + `]}}}}`
}

// onFailure restarts without limit and without much of a wait.
const onFailure = `"restart": {"policy": "onFailure"}, "backoff": {"first": "10ms", "max": "10ms", "jitter": "none"}`

// A logBuffer keeps what a process logs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
