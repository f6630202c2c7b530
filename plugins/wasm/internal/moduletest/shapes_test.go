package moduletest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// waits are the shapes that cost no processor time.
var waits = map[string]bool{"sleep": true, "blocked-read": true, "blocked-accept": true}

// Every shape says that it is there, and is then still going when it is killed: the busy ones have used
// 50 ms of processor time since, the others have passed 100 ms without using any.
func TestShapesGoOnUntilTheyAreKilled(t *testing.T) {
	for _, shape := range moduletest.Shapes() {
		t.Run(shape.Name, func(t *testing.T) {
			wasm := shape.Wasm
			if shape.Name == "huge-fill" { // 2 GiB are for a machine that has nothing else to do
				wasm = moduletest.Fill(64 << 20)
			}
			p := start(t, wasm, envListen+"="+map[bool]string{true: "1"}[shape.Name == "blocked-accept"])
			p.ready(t)
			if waits[shape.Name] {
				p.idles(t)
				return
			}
			for began := p.cpu(t); p.cpu(t)-began < 50*time.Millisecond; {
				p.staysFor(t, 5*time.Millisecond)
			}
		})
	}
}

// A process runs one guest.
type process struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr strings.Builder
	ended  chan struct{} // closed when the process is no more
}

// start starts a guest in a process of its own, which does not outlive the test. Its stdin stays open.
func start(t *testing.T, wasm []byte, env ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "guest.wasm")
	if err := os.WriteFile(file, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(os.Args[0], "guest", file), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.stderr
	if _, err := p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.stdout = write, bufio.NewReader(read)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		_ = read.Close()
	})
	return p
}

func (p *process) ready(t *testing.T) {
	t.Helper()
	if line, err := p.stdout.ReadString('\n'); line != moduletest.Ready {
		<-p.ended
		t.Fatalf("it says %q (%v), want %q; stderr: %s", line, err, moduletest.Ready, p.stderr.String())
	}
}

func (p *process) staysFor(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-p.ended:
		t.Fatalf("it ended: %v, stderr %s", p.cmd.ProcessState, p.stderr.String())
	case <-time.After(d):
	}
}

// idles waits until the process has used no processor time for 100 ms.
func (p *process) idles(t *testing.T) {
	t.Helper()
	for range 50 {
		began := p.cpu(t)
		p.staysFor(t, 100*time.Millisecond)
		if p.cpu(t) == began {
			return
		}
	}
	t.Error("it uses processor time all the time")
}

// cpu returns the processor time that the process has used.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("%v, %v in %q", err1, err2, stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
