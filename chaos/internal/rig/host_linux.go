package rig

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/client"
)

// MarkEnv is the variable by which processes of a rig are known: the host, its plugins, and
// everything that these run.
const MarkEnv = "CHAOS_MARK"

// A Rig is a state directory and the program that runs on it, one life after the other. One
// goroutine uses it.
type Rig struct {
	Dir    string // of state, logs and whatever the test keeps; short, because a socket lies in it
	Binary string
	Config string // path of the configuration file
	UID    int    // user that hosts run as; 0 means our own
	Mark   string // value of MarkEnv
	Lives  int    // hosts started so far
}

// StateDir returns the state directory.
func (r *Rig) StateDir() string { return filepath.Join(r.Dir, "state") }

// LogPath returns where a life's log is.
func (r *Rig) LogPath(life int) string {
	return filepath.Join(r.Dir, "log", fmt.Sprintf("%04d.json", life))
}

// Client returns a client for whichever host runs on the state directory. The caller closes it.
func (r *Rig) Client() (*client.Client, error) {
	return client.New(client.Options{StateDir: r.StateDir()})
}

// A Life is one process of the host.
type Life struct {
	Number int
	PID    int
	Began  time.Time

	cmd  *exec.Cmd
	gone chan struct{} // closed when it has been reaped
	err  error         // of its end; read after gone
}

// Start starts the next life and does not wait until it is ready.
func (r *Rig) Start() (*Life, error) {
	r.Lives++
	l := &Life{Number: r.Lives, gone: make(chan struct{})}
	log, err := os.OpenFile(r.LogPath(l.Number), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) //nolint:gosec // for people
	if err != nil {
		return nil, err
	}
	defer log.Close()
	l.cmd = exec.Command(r.Binary, "serve", "--config", r.Config) //nolint:noctx // Kill and Stop end it
	l.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.Dir, MarkEnv + "=" + r.Mark}
	l.cmd.Dir = r.Dir
	l.cmd.Stdout, l.cmd.Stderr = log, log
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if r.UID != 0 {
		l.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(r.UID), Gid: uint32(r.UID)} //nolint:gosec // a user id
	}
	started := make(chan error)
	go func() {
		// The signal comes with the death of the thread that started the process: this one stays
		// until the process is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(l.gone)
		l.Began = time.Now()
		err := l.cmd.Start()
		started <- err
		if err == nil {
			l.err = l.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", r.Binary, err)
	}
	l.PID = l.cmd.Process.Pid
	return l, nil
}

// Gone is closed when the process has ended.
func (l *Life) Gone() <-chan struct{} { return l.gone }

// Kill kills the process with SIGKILL and returns when it is gone. The time is that of the signal.
func (l *Life) Kill() time.Time {
	at := time.Now()
	_ = l.cmd.Process.Kill() // it may have ended
	<-l.gone
	return at
}

// Signal sends a signal.
func (l *Life) Signal(sig os.Signal) error { return l.cmd.Process.Signal(sig) }

// Stop asks the process to end and returns how long that took. If it takes longer than limit, or
// ends with another code than 0, that is an error, and the process is gone nevertheless.
func (l *Life) Stop(limit time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := l.Signal(syscall.SIGTERM); err != nil {
		<-l.gone
		return 0, fmt.Errorf("the host had ended before it was asked to: %w", errors.Join(err, l.err))
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.gone:
		if l.err != nil {
			return time.Since(began), fmt.Errorf("the host was asked to end: %w", l.err)
		}
		return time.Since(began), nil
	case <-timer.C:
		l.Kill()
		return time.Since(began), fmt.Errorf("the host did not end within %s of SIGTERM", limit)
	}
}

// Ready waits until the host takes submissions and returns how long that took since its start.
func (l *Life) Ready(ctx context.Context, c *client.Client) (time.Duration, error) {
	for {
		last, err := c.Ready(ctx)
		if err == nil && last.Ready {
			return time.Since(l.Began), nil
		}
		select {
		case <-l.gone:
			return 0, fmt.Errorf("the host ended before it was ready: %w", l.err)
		case <-ctx.Done():
			return 0, fmt.Errorf("the host is not ready: %w (%v, %w)", context.Cause(ctx), last, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// LogErrors returns what a life's log holds that is not a line below level error, without what
// expected accepts. Output that is no log line, such as a panic, is among it.
func (r *Rig) LogErrors(life int, expected func(line string) bool) ([]string, error) {
	b, err := os.ReadFile(r.LogPath(life))
	if err != nil {
		return nil, err
	}
	var bad []string
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		line := s.Text()
		var entry struct {
			Level string `json:"@level"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Level != "" && entry.Level != "error" {
			continue
		}
		if strings.TrimSpace(line) != "" && !expected(line) {
			bad = append(bad, fmt.Sprintf("life %d: %s", life, line))
		}
	}
	return bad, nil
}
