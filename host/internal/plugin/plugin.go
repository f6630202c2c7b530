package plugin

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/discovery"
	"github.com/soltihq/solti-host/host/internal/plugin/launch"
	"github.com/soltihq/solti-host/host/task"
)

// A Plugin is one registered plugin across all of its generations. Its methods may be called from any
// goroutine.
type Plugin struct {
	set      *Set
	name     string
	dir      string // the plugins directory
	state    string // its own directory below the state directory
	data     string // the runner's own directory, in state
	order    int
	settings Settings
	log      hclog.Logger

	orders  chan order                 // to supervise
	done    chan struct{}              // closed when supervise has returned
	current atomic.Pointer[generation] // the one that is ready; nil means none
	handles releaser

	mu   sync.Mutex
	view view // guarded by mu
}

// A view is what others see of a plugin.
type view struct {
	state      task.PluginState
	reason     string
	file       discovery.File
	identity   *identity // as last told; nil means never
	generation int
	pid        int
	startedAt  time.Time
	crashes    int
	nextAt     time.Time
	lastExit   *task.PluginExit
}

func newPlugin(s *Set, dir string, f discovery.File, order int) (*Plugin, error) {
	p := &Plugin{
		set: s, name: f.Name, dir: dir, state: filepath.Join(s.o.StateDir, f.Name), order: order,
		data:     filepath.Join(s.o.StateDir, f.Name, dataDir),
		settings: s.o.Plugins[f.Name], log: s.o.Log.Named("plugin").With("plugin", f.Name),
		orders: newOrders(), done: make(chan struct{}),
		view: view{state: task.PluginStarting, file: f},
	}
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", f.Name, err)
	}
	id, err := recall(p.state, f.Name)
	if err != nil {
		p.log.Warn("what the plugin said of itself last is not used", "error", err)
	}
	p.view.identity = id
	s.o.Observer.PluginState(p.name, task.PluginStarting)
	return p, nil
}

// Name returns the plugin's name.
func (p *Plugin) Name() string { return p.name }

// Labels returns the labels for selectors: those of the plugin as it last told them, over which the
// operator's win. The caller may keep and change the map.
func (p *Plugin) Labels() map[string]string {
	labels := make(map[string]string)
	if id := p.identity(); id != nil {
		maps.Copy(labels, id.Labels)
	}
	maps.Copy(labels, p.settings.Labels)
	return labels
}

// Kinds returns the declared kinds, as the plugin last told them, be it to an earlier host. Before it
// has ever been ready there are none.
func (p *Plugin) Kinds() []task.PluginKind { return p.identity().pluginKinds() }

// MaxRuns returns how many attempts the plugin makes at one time; 0 means any number.
func (p *Plugin) MaxRuns() int { return p.identity().MaxRuns }

// Generation returns the number of launches since the host started.
func (p *Plugin) Generation() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view.generation
}

// Ready reports whether calls reach the plugin now.
func (p *Plugin) Ready() bool { return p.current.Load() != nil }

// ValidateSpec checks the spec of a workload against the schema that the plugin last told for its
// kind. A kind without schema, or not of this plugin, takes everything.
func (p *Plugin) ValidateSpec(w task.Workload) task.FieldErrors {
	id := p.identity()
	if id == nil {
		return nil
	}
	return id.schemas[w.Type()].check(w.Spec)
}

func (p *Plugin) identity() *identity {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view.identity
}

func (p *Plugin) status() task.Plugin {
	labels := p.Labels()
	p.mu.Lock()
	defer p.mu.Unlock()
	v := &p.view
	s := task.Plugin{
		Name: p.name, Path: v.file.Path, State: v.state, Reason: v.reason, SHA256: v.file.SHA256,
		Required: p.settings.Required, Order: p.order, Labels: labels,
		Generation: v.generation, PID: v.pid, StartedAt: v.startedAt,
		Crashes: v.crashes, NextAt: v.nextAt, LastExit: v.lastExit,
	}
	if v.identity != nil {
		s.Version, s.RunnerType = v.identity.Version, v.identity.RunnerType
		s.Kinds, s.Features = v.identity.pluginKinds(), v.identity.Features
	}
	if g := p.current.Load(); g != nil {
		s.Runs = g.runs.count()
	}
	return s
}

// change changes the view and tells everybody.
func (p *Plugin) change(f func(v *view)) {
	p.mu.Lock()
	before := p.view.state
	f(&p.view)
	after := p.view.state
	p.mu.Unlock()
	if before != after {
		p.set.o.Observer.PluginState(p.name, after)
	}
	p.set.announce()
}

// An order is what an operator asks of supervise.
type order int

const (
	orderRestart order = iota + 1 // says orderReset as well
	orderReset
)

// newOrders returns the channel for orders, of which one may wait.
func newOrders() chan order { return make(chan order, 1) }

// Restart stops the plugin's generation, if there is one, and launches the next at once, also out of
// backoff and quarantine. It does not wait.
func (p *Plugin) Restart() { p.leave(orderRestart) }

// Reset forgets the plugin's crashes and ends backoff and quarantine. A generation that is up stays.
// It does not wait.
func (p *Plugin) Reset() { p.leave(orderReset) }

// leave leaves an order for supervise; of two that wait, the stronger holds.
func (p *Plugin) leave(o order) {
	for {
		select {
		case p.orders <- o:
			return
		default:
		}
		select {
		case waiting := <-p.orders:
			o = min(o, waiting)
		default:
		}
	}
}

// toExit returns an exit as people see it.
func toExit(e launch.Exit) *task.PluginExit {
	return &task.PluginExit{At: e.At, Cause: e.Cause, ExitCode: e.Code, Signal: e.Signal, Stderr: e.Stderr}
}
