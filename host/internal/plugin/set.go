package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/soltihq/solti-host/host/internal/discovery"
	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/host/task"
)

// A Set is all plugins of a host. Its methods may be called from any goroutine.
type Set struct {
	o       Options
	cgroups *fence.Cgroups // nil means none
	reaper  *fence.Reaper  // nil means that orphans are not adopted
	lock    *fence.Lock    // of the state directory's plugins

	run      context.Context // ends when plugins are to stop
	stop     context.CancelFunc
	life     context.Context // ends when nobody waits any more for the death of processes
	endLife  context.CancelFunc
	work     sync.WaitGroup // of all goroutines
	settled  chan struct{}
	stopOnce sync.Once

	mu        sync.Mutex
	plugins   []*Plugin       // guarded by mu until Start has returned, then never changed
	refused   []task.Plugin   // guarded by mu until Start has returned, then never changed
	unsettled int             // guarded by mu; plugins that have not settled
	changed   chan struct{}   // guarded by mu; closed at the next change
	launches  int             // guarded by mu; number of launch directories made
	stopping  context.Context // guarded by mu; that of the first Stop
	stopErr   error           // guarded by mu
}

// Open checks the options, makes the directories and takes the lock of the state directory's
// plugins. It starts nothing. A run directory whose path leaves no room for a socket's is refused.
func Open(o Options) (*Set, error) {
	o, err := o.checked()
	if err != nil {
		return nil, fmt.Errorf("plugins: %w", err)
	}
	if o.RunDir, err = privateDir(o.RunDir); err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	if o.StateDir, err = privateDir(filepath.Join(o.StateDir, "plugins")); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	s := &Set{o: o, settled: make(chan struct{}), changed: make(chan struct{})}
	s.lock, err = fence.AwaitLock(filepath.Join(o.StateDir, "host.lock"))
	if errors.Is(err, fence.ErrLocked) {
		return nil, fmt.Errorf("another host uses the state directory %s: %w", o.StateDir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	s.run, s.stop = context.WithCancel(context.Background())
	s.life, s.endLife = context.WithCancel(context.Background())
	if o.Subreaper {
		s.reaper = new(fence.Reaper)
	}
	if s.cgroups, err = fence.OpenCgroups(o.HostID); err != nil {
		s.cgroups = nil
		o.Log.Info("no cgroups for plugins: their processes are found by session, lock and environment", "reason", err)
	}
	return s, nil
}

// Start makes sure that nothing of an earlier host is alive, scans the plugins directory and launches
// everything that was accepted. It does not wait for plugins to get ready; ctx bounds the call alone.
// It is called once. After an error, and later in any case, Stop must be called.
func (s *Set) Start(ctx context.Context) error {
	if s.reaper != nil {
		s.work.Go(func() {
			if err := s.reaper.Run(s.life); err != nil {
				s.o.Log.Warn("orphans of plugins are not adopted", "error", err)
			}
		})
	}
	if err := s.fenceEarlier(ctx); err != nil {
		return fmt.Errorf("processes of an earlier host are still alive: %w", err)
	}
	found, err := discovery.Scan(s.o.Dir, s.o.Order)
	if err != nil {
		return err
	}
	s.mu.Lock()
	err = s.register(found)
	plugins := s.plugins
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, p := range plugins {
		s.work.Go(p.supervise)
	}
	return nil
}

// register makes the plugins of what a scan found. The caller holds mu.
func (s *Set) register(found discovery.Result) error {
	for _, f := range found.Accepted {
		settings := s.o.Plugins[f.Name]
		if settings.Disabled {
			s.refuse(task.Plugin{
				Name: f.Name, Path: f.Path, SHA256: f.SHA256, State: task.PluginDisabled, Reason: "disabled by configuration",
			})
			continue
		}
		p, err := newPlugin(s, found.Dir, f, len(s.plugins)+1)
		if err != nil {
			return err
		}
		s.plugins = append(s.plugins, p)
	}
	for _, r := range found.Rejected {
		s.o.Log.Error("plugin rejected", "plugin", r.Name, "path", r.Path, "reason", r.Reason, "remedy", r.Remedy)
		s.refuse(task.Plugin{Name: r.Name, Path: r.Path, State: task.PluginRejected, Reason: r.Error()})
	}
	s.missing(found.Dir)
	s.unsettled = len(s.plugins)
	if s.unsettled == 0 {
		close(s.settled)
	}
	return nil
}

func (s *Set) refuse(p task.Plugin) {
	p.Required = s.o.Plugins[p.Name].Required
	p.Labels = s.o.Plugins[p.Name].Labels
	s.refused = append(s.refused, p)
	s.o.Observer.PluginState(p.Name, p.State)
}

// Settled is closed when every registered plugin is ready or its first start has failed.
func (s *Set) Settled() <-chan struct{} { return s.settled }

func (s *Set) settleOne() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsettled--; s.unsettled == 0 {
		close(s.settled)
	}
}

// Plugins returns the registered plugins in the order of registration: those that were accepted and
// are not disabled. Before Start it returns none.
func (s *Set) Plugins() []*Plugin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.plugins)
}

// Status returns what is known of all plugins: the registered ones in order, then those that were
// rejected or are disabled.
func (s *Set) Status() []task.Plugin {
	s.mu.Lock()
	plugins, refused := s.plugins, s.refused
	s.mu.Unlock()
	all := make([]task.Plugin, 0, len(plugins)+len(refused))
	for _, p := range plugins {
		all = append(all, p.status())
	}
	return append(all, refused...)
}

// Changed returns a channel that is closed at the next change of any plugin's state.
func (s *Set) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Set) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// launchDir makes a directory for one launch. Its path is short, because a socket will lie in it.
func (s *Set) launchDir() (string, error) {
	s.mu.Lock()
	s.launches++
	n := s.launches % 100_000
	s.mu.Unlock()
	dir := filepath.Join(s.o.RunDir, "p"+strconv.Itoa(n))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.Mkdir(dir, 0o700)
}

// Stop stops all plugins: each is asked, gets its grace or what ctx leaves of it, and is killed with
// all that it started. When it returns nil, no process is left. An error says what was not confirmed
// dead before ctx ended; the next host of the state directory begins with it. Further calls wait for
// the first.
func (s *Set) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.mu.Lock()
		s.stopping = ctx
		s.mu.Unlock()
		s.stop()
		err := s.waitStopped(ctx)
		s.endLife()
		s.work.Wait()
		if s.cgroups != nil {
			err = errors.Join(err, s.cgroups.Close())
		}
		err = errors.Join(err, s.lock.Close())
		s.mu.Lock()
		s.stopErr = err
		s.mu.Unlock()
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopErr
}

// waitStopped waits until every plugin has stopped, or ctx ends.
func (s *Set) waitStopped(ctx context.Context) error {
	var errs []error
	for _, p := range s.Plugins() {
		select {
		case <-p.done:
			continue
		default:
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("plugin %s is not confirmed dead: %w", p.name, context.Cause(ctx)))
		}
	}
	return errors.Join(errs...)
}

// stopContext returns the context of Stop; only after run has ended.
func (s *Set) stopContext() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
