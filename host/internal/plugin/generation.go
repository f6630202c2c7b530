package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/soltihq/solti-host/host/internal/discovery"
	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/host/internal/plugin/launch"
	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// A generation is one launch of a plugin that got ready.
type generation struct {
	plugin *Plugin
	number int
	proc   *launch.Process
	client pluginv1.RunnerServiceClient
	id     *identity

	ctx    context.Context // of its streams; ends when nothing of the generation is left
	cancel context.CancelFunc
	runs   *runTable
}

// A runTable holds the attempts that a generation is running.
type runTable struct {
	mu  sync.Mutex
	ids map[task.RunID]struct{} // guarded by mu
}

// add notes an attempt, unless there are limit already or it is there. Limit 0 means none.
func (t *runTable) add(id task.RunID, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, twice := t.ids[id]; twice || limit > 0 && len(t.ids) >= limit {
		return false
	}
	t.ids[id] = struct{}{}
	return true
}

func (t *runTable) remove(id task.RunID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.ids, id)
}

func (t *runTable) has(id task.RunID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.ids[id]
	return ok
}

func (t *runTable) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.ids)
}

// launch starts a process and makes sure that it is what its file says. After an error nothing is
// left of it.
func (p *Plugin) launch() (*generation, error) {
	p.mu.Lock()
	file := p.view.file
	p.mu.Unlock()
	file, err := discovery.Recheck(p.dir, file) // it may have been replaced since
	if err != nil {
		return nil, err
	}
	number := p.Generation()
	p.change(func(v *view) { v.file = file })
	g := &generation{plugin: p, number: number, runs: &runTable{ids: make(map[task.RunID]struct{})}}
	cfg, err := p.launchConfig(g, file)
	if err != nil {
		return nil, err
	}
	g.proc, err = launch.Start(p.set.run, p.set.life, cfg)
	if err != nil {
		return nil, err
	}
	g.client = pluginv1.NewRunnerServiceClient(g.proc.Conn())
	g.ctx, g.cancel = context.WithCancel(context.Background())
	if g.id, err = g.probe(); err != nil {
		g.cancel()
		return nil, g.giveUp(err)
	}
	if err := g.configure(); err != nil {
		g.cancel()
		return nil, g.giveUp(fmt.Errorf("its settings are refused: %w", err))
	}
	if err := remember(p.state, p.name, file.SHA256, g.id); err != nil {
		p.log.Warn("what the plugin says of itself is not remembered", "error", err)
	}
	return g, nil
}

// launchConfig takes what a launch needs and leaves a record of it on disk.
func (p *Plugin) launchConfig(g *generation, file discovery.File) (launch.Config, error) {
	s := p.set
	cfg := launch.Config{
		Path: file.Path, Args: p.settings.Args, WorkDir: p.data,
		Timeout: s.o.Timing.Start, Log: p.log.With("generation", g.number), Count: logCounter{s.o.Observer, p.name},
		LockPath: filepath.Join(p.state, lockFile), Reaper: s.reaper, FenceRetry: s.o.Timing.FenceRetry,
		Belongs: g.belongs,
	}
	if p.settings.StartTimeout > 0 {
		cfg.Timeout = p.settings.StartTimeout
	}
	var err error
	if cfg.Dir, err = s.launchDir(); err != nil {
		return cfg, err
	}
	ctx, cancel := context.WithTimeout(s.run, s.o.Timing.FenceRetry)
	defer cancel()
	undo := func() {
		_ = os.RemoveAll(cfg.Dir)
		if cfg.Group != nil {
			_ = cfg.Group.Kill(ctx) // empty: nothing was started
		}
	}
	if cfg.Lock, err = fence.TakeLock(ctx, cfg.LockPath); err != nil {
		undo()
		return cfg, fmt.Errorf("an earlier launch is not confirmed dead: %w", err)
	}
	record := launchRecord{Format: formatVersion, HostID: s.o.HostID, Generation: g.number, Dir: cfg.Dir}
	if s.cgroups != nil {
		if cfg.Group, err = s.cgroups.Make(fmt.Sprintf("%s-%d", p.name, g.number)); err != nil {
			undo()
			return cfg, errors.Join(fmt.Errorf("no cgroup can be made for it: %w", err), cfg.Lock.Close())
		}
		record.Cgroup = cfg.Group.Path
	}
	write := func() error { return writeJSON(filepath.Join(p.state, launchFile), record) }
	if err := write(); err != nil {
		undo()
		return cfg, errors.Join(fmt.Errorf("record the launch: %w", err), cfg.Lock.Close())
	}
	cfg.Started = func(id fence.Ident) {
		record.Process = id
		if err := write(); err != nil {
			p.log.Warn("the launch is not recorded", "error", err)
		}
	}
	cfg.Env = p.environ(g.number, cfg.Group)
	return cfg, nil
}

// probe asks the plugin who it is.
func (g *generation) probe() (*identity, error) {
	timing := g.plugin.set.o.Timing
	ctx, cancel := context.WithTimeout(g.plugin.set.run, timing.Probe)
	defer cancel()
	stop := cancelOn(g.proc.Exited(), cancel)
	defer stop()
	began := time.Now()
	r, err := g.client.Name(ctx, &pluginv1.NameRequest{HostVersion: g.plugin.set.o.HostVersion})
	g.plugin.observe("Name", err, began)
	if status.Code(err) == codes.DeadlineExceeded {
		return nil, fmt.Errorf("it does not say who it is within %s: %w", timing.Probe, err)
	}
	if err != nil {
		return nil, fmt.Errorf("it does not say who it is: %w", err)
	}
	id, err := identify(g.plugin.name, r)
	if err != nil {
		return nil, fmt.Errorf("what it says of itself is refused: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return id, nil
}

// cancelOn calls cancel when c is closed, until the returned function is called, which waits.
func cancelOn(c <-chan struct{}, cancel func()) (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-c:
			cancel()
		case <-quit:
		}
	}()
	return func() {
		close(quit)
		<-gone
	}
}

// giveUp ends a process that did not pass the probe.
func (g *generation) giveUp(why error) error {
	cause := launch.CauseKilled
	if status.Code(why) == codes.DeadlineExceeded {
		cause = launch.CauseStartTimeout
	}
	g.proc.Kill(cause, "it did not pass its first check")
	<-g.proc.Gone()
	return &launch.StartError{Reason: why.Error(), Exit: g.proc.Exit(), Err: why}
}

// over ends what belongs to a generation of which nothing is left.
func (g *generation) over() {
	g.cancel()
	if !g.proc.Confirmed() {
		return // the next host begins with it
	}
	if err := os.Remove(filepath.Join(g.plugin.state, launchFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		g.plugin.log.Warn("the record of a launch is not removed", "error", err)
	}
}

// stayAlive asks the plugin for signs of life until it has ended, and kills it when it gives none.
func (g *generation) stayAlive() {
	l := g.plugin.set.o.Timing.Liveness
	tick := time.NewTicker(l.Every)
	defer tick.Stop()
	for missed := 0; ; {
		select {
		case <-g.proc.Exited():
			return
		case <-tick.C:
		}
		if g.answers(l.Deadline) {
			missed = 0
			continue
		}
		if missed++; missed >= l.Misses {
			g.proc.Kill(launch.CauseUnresponsive, fmt.Sprintf("it did not answer %d times, %s each", missed, l.Deadline))
			return
		}
	}
}

// answers reports whether the plugin answers a call within d. Which answer does not matter.
func (g *generation) answers(d time.Duration) bool {
	ctx, cancel := context.WithTimeout(g.ctx, d)
	defer cancel()
	stop := cancelOn(g.proc.Exited(), cancel)
	defer stop()
	_, err := g.client.Name(ctx, &pluginv1.NameRequest{HostVersion: g.plugin.set.o.HostVersion})
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Unavailable, codes.Canceled:
		return false
	default:
		return true
	}
}

// kill ends a generation that broke the contract.
func (g *generation) kill(why string) {
	g.proc.Kill(launch.CauseKilled, why)
}
