package sdktest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A process is a plugin that was launched the way a host does it.
type process struct {
	cmd      *exec.Cmd
	dir      string   // for its socket
	lifeline *os.File // held open until the test lets go
	line     chan string
	stdout   *text // after the handshake line
	stderr   *text
	exited   chan struct{}
	timeout  time.Duration
	seen     []descendant // by family; killed at the end, wherever they have gone

	conn   *grpc.ClientConn // after connect
	client pluginv1.RunnerServiceClient
}

// launch starts the binary. env is added to what a host gives, and wins.
func launch(t testing.TB, c Config, env ...string) *process {
	t.Helper()
	p := &process{
		dir: socketDir(t), line: make(chan string, 1), stdout: new(text), stderr: new(text),
		exited: make(chan struct{}), timeout: c.timeout(),
	}
	stdin, lifeline := pipe(t)
	outR, outW := pipe(t)
	errR, errW := pipe(t)
	p.lifeline = lifeline
	p.cmd = exec.Command(c.Binary)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, outW, errW
	p.cmd.Env = append(append(hostEnv(p.dir), c.Env...), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start the plugin: %v", err)
	}
	_ = stdin.Close()
	_ = outW.Close()
	_ = errW.Close()
	var readers sync.WaitGroup
	readers.Go(func() { p.readStdout(outR) })
	readers.Go(func() { _, _ = io.Copy(p.stderr, errR) })
	readers.Go(func() {
		defer close(p.exited)
		_ = p.cmd.Wait()
	})
	t.Cleanup(func() {
		p.kill()
		_ = outR.Close() // what the plugin left behind may hold the other ends
		_ = errR.Close()
		readers.Wait()
		if t.Failed() && p.stderr.String() != "" {
			t.Logf("the plugin's standard error:\n%s", p.stderr)
		}
	})
	return p
}

// hostEnv is what a host gives to a plugin.
func hostEnv(dir string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + os.Getenv("HOME"),
		"TMPDIR=" + os.TempDir(),
		sdk.Handshake.MagicCookieKey + "=" + sdk.Handshake.MagicCookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=" + strconv.Itoa(sdk.ProtocolVersion),
		"PLUGIN_MIN_PORT=10000",
		"PLUGIN_MAX_PORT=25000",
		"PLUGIN_UNIX_SOCKET_DIR=" + dir,
		sdk.EnvLogLevel + "=debug",
		sdk.EnvGeneration + "=1",
		sdk.EnvHostPID + "=" + strconv.Itoa(os.Getpid()),
		sdk.EnvHostID + "=sdktest",
	}
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

func (p *process) readStdout(r io.Reader) {
	b := bufio.NewReader(r)
	line, err := b.ReadString('\n')
	if err == nil {
		p.line <- strings.TrimSuffix(line, "\n")
	} else {
		_, _ = p.stdout.Write([]byte(line))
	}
	close(p.line)
	_, _ = io.Copy(p.stdout, b)
}

// handshake waits for the line and returns its fields.
func (p *process) handshake(t testing.TB) []string {
	t.Helper()
	select {
	case line, ok := <-p.line:
		if !ok {
			t.Fatalf("no handshake line on standard output; it has %q", p.stdout)
		}
		fields := strings.Split(line, "|")
		if len(fields) < 5 {
			t.Fatalf("handshake line %q has %d fields, want at least 5", line, len(fields))
		}
		return fields
	case <-time.After(p.timeout):
		t.Fatalf("no handshake line within %v", p.timeout)
		return nil
	}
}

// start launches the plugin, shakes hands, connects and configures it.
func start(t testing.TB, c Config, env ...string) *process {
	t.Helper()
	p := launch(t, c, env...)
	p.connect(t, p.handshake(t)[3])
	ctx := p.within(t)
	if _, err := p.client.Name(ctx, &pluginv1.NameRequest{HostVersion: "sdktest"}); err != nil {
		t.Fatalf("Name: %v", err)
	}
	if len(c.Settings) > 0 {
		if _, err := p.client.Configure(ctx, &pluginv1.ConfigureRequest{ConfigJson: c.Settings}); err != nil {
			t.Fatalf("Configure: %v", err)
		}
	}
	return p
}

func (p *process) connect(t testing.TB, socket string) {
	t.Helper()
	if filepath.Dir(socket) != p.dir {
		t.Fatalf("the socket is %s, want it in %s", socket, p.dir)
	}
	p.conn = dial(t, socket, p.cmd.Process.Pid)
	p.client = pluginv1.NewRunnerServiceClient(p.conn)
	t.Cleanup(func() { _ = p.conn.Close() })
}

// within returns a context for one step.
func (p *process) within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), p.timeout)
	t.Cleanup(cancel)
	return ctx
}

// waitExit waits for the end of the process and returns how long that took.
func (p *process) waitExit(t testing.TB, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	select {
	case <-p.exited:
	case <-time.After(limit):
		t.Fatalf("the plugin is still alive after %v", limit)
	}
	return time.Since(began)
}

func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("send %v: %v", s, err)
	}
}

// family returns the living descendants of the plugin.
func (p *process) family() []descendant {
	list := descendants(p.cmd.Process.Pid)
	p.seen = append(p.seen, list...)
	return list
}

// kill ends the plugin and everything that descends from it.
func (p *process) kill() {
	rest := append(p.family(), p.seen...)
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.exited
	}
	for _, d := range rest {
		d.kill()
	}
}

// exitCode returns the process's exit code, or -1 if a signal ended it.
func (p *process) exitCode() int { return p.cmd.ProcessState.ExitCode() }

// text is a buffer that is written and read at the same time.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// maxText bounds what is kept of a plugin's own output.
const maxText = 1 << 20

func (b *text) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() < maxText {
		b.buf.Write(p)
	}
	return len(p), nil
}

func (b *text) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eventually polls until ok holds, for things that only polling tells.
func eventually(t testing.TB, limit time.Duration, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still after %v: %v", what, limit, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

var errAlive = errors.New("alive")

// waitGone waits until none of the processes is alive.
func waitGone(t testing.TB, limit time.Duration, list []descendant) {
	t.Helper()
	eventually(t, limit, "descendants of the plugin", func() error {
		for _, d := range list {
			if d.alive() {
				return fmt.Errorf("process %d: %w", d.pid, errAlive)
			}
		}
		return nil
	})
}
