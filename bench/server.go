package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// A server is a solti-host process of ours.
type server struct {
	cmd    *exec.Cmd
	dir    string // state directory
	client *client.Client
	http   *http.Client  // on its Unix socket, for what client does not offer
	ready  time.Duration // from start until it takes submissions
	ended  chan struct{} // closed when the process is over
}

// start starts a host on dir with the built plugins, and waits until it is ready.
func (b *bench) start(ctx context.Context, dir string, args ...string) (*server, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	state := filepath.Join(dir, "state")
	args = append([]string{"serve", "--state-dir", state, "--plugin-dir", filepath.Join(b.bin, "plugins"), "--log-level", "warn"}, args...)
	cmd := exec.Command(filepath.Join(b.bin, "solti-host"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	cl, err := client.New(client.Options{Socket: filepath.Join(state, task.SocketFile)})
	if err != nil {
		return nil, err
	}
	h := &server{cmd: cmd, dir: state, client: cl, http: unixClient(filepath.Join(state, task.SocketFile)), ended: make(chan struct{})}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: run make build first", err)
	}
	go func() {
		_ = cmd.Wait()
		close(h.ended)
	}()
	if err := h.wait(ctx, began); err != nil {
		h.stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w; its log:\n%s", err, text)
	}
	return h, nil
}

// wait asks until the host is ready, or a minute has gone since began.
func (h *server) wait(ctx context.Context, began time.Time) error {
	for {
		if r, err := h.client.Ready(ctx); err == nil && r.Ready {
			h.ready = time.Since(began)
			return nil
		}
		select {
		case <-h.ended:
			return errors.New("the host ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
		if time.Since(began) > time.Minute {
			return errors.New("the host did not get ready in a minute")
		}
	}
}

func unixClient(path string) *http.Client {
	var d net.Dialer
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) },
	}}
}

// stop stops the host and waits for its end.
func (h *server) stop() {
	h.hangUp()
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	<-h.ended
}

// kill kills the host as a crash would, and waits for its end.
func (h *server) kill() {
	h.hangUp()
	_ = h.cmd.Process.Kill()
	<-h.ended
}

func (h *server) hangUp() {
	h.client.Close()
	h.http.CloseIdleConnections()
}

func (h *server) pid() int { return h.cmd.Process.Pid }

// plugins returns the process of each plugin by name.
func (h *server) plugins(ctx context.Context) (map[string]int, error) {
	list, err := h.client.Plugins(ctx)
	if err != nil {
		return nil, err
	}
	pids := make(map[string]int)
	for _, p := range list {
		if p.PID != 0 {
			pids[p.Name] = p.PID
		}
	}
	return pids, nil
}

// get asks the host for a path.
func (h *server) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return resp, nil
}

// metrics returns the host's metrics, those with labels summed up.
func (h *server) metrics(ctx context.Context) (map[string]float64, error) {
	resp, err := h.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	sums := make(map[string]float64)
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		name, value, ok := strings.Cut(s.Text(), " ")
		if !ok || name == "#" {
			continue
		}
		if i := strings.LastIndexByte(s.Text(), ' '); i > 0 {
			value = s.Text()[i+1:]
		}
		name, _, _ = strings.Cut(name, "{")
		v, _ := strconv.ParseFloat(value, 64)
		sums[name] += v
	}
	return sums, nil
}

// settle waits until every task is over, and fails if one did not succeed. It asks seldom while much
// is left to do, so as not to be what is measured.
func (h *server) settle(ctx context.Context) error {
	for {
		left, err := h.count(ctx, task.Pending, task.Running)
		if err != nil {
			return err
		}
		if left == 0 {
			break
		}
		if err := sleep(ctx, min(time.Duration(1+left/8)*time.Millisecond, 200*time.Millisecond)); err != nil {
			return err
		}
	}
	l, err := h.client.List(ctx, task.Query{
		Phases: []task.Phase{task.Failed, task.Exhausted, task.Canceled, task.Timeout}, Limit: 1,
	})
	if err != nil || len(l.Items) == 0 {
		return err
	}
	one := l.Items[0]
	return fmt.Errorf("%d tasks did not succeed, such as %s: %s: %+v",
		1+l.Metadata.RemainingItemCount, one.Metadata.Name, one.Status.Phase, *one.Status.Error)
}

// count returns how many tasks are in one of the phases.
func (h *server) count(ctx context.Context, phases ...task.Phase) (int, error) {
	l, err := h.client.List(ctx, task.Query{Phases: phases, Limit: 1})
	if err != nil {
		return 0, err
	}
	return len(l.Items) + l.Metadata.RemainingItemCount, nil
}
