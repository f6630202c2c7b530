package plugin

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/soltihq/solti-host/host/internal/plugin/launch"
	"github.com/soltihq/solti-host/host/task"
)

// supervise is the plugin's own goroutine: it launches one generation after the other until the Set
// stops.
func (p *Plugin) supervise() {
	defer close(p.done)
	defer p.handles.close()
	settle := onceFunc(p.set.settleOne)
	defer settle()
	var past crashes
	for p.set.run.Err() == nil {
		end := p.generation(settle)
		if p.set.run.Err() != nil {
			break
		}
		settle()
		if end.asked {
			past = crashes{}
			continue
		}
		if end.short {
			p.pause(end, shortWait, false)
			continue
		}
		wait, quarantine := past.next(p.set.o.Timing.Crash, time.Now(), end.ready, rand.Float64()) //nolint:gosec // jitter
		if p.pause(end, wait, quarantine) {
			past = crashes{}
		}
	}
	p.change(func(v *view) {
		v.state, v.reason, v.pid, v.nextAt = task.PluginStopped, "the host stops", 0, time.Time{}
	})
}

// onceFunc returns a function that calls f the first time. It is used by one goroutine.
func onceFunc(f func()) func() {
	called := false
	return func() {
		if !called {
			called = true
			f()
		}
	}
}

// An end says how a generation ended.
type end struct {
	ready time.Duration // how long it was ready; negative means never
	asked bool          // an operator wanted the next one
	short bool          // the machine was short of something: no fault of the plugin's
	why   string
}

// generation runs one generation from its launch until nothing of it is left.
func (p *Plugin) generation(settle func()) end {
	began := time.Now()
	p.change(func(v *view) {
		v.state, v.reason, v.nextAt = task.PluginStarting, "", time.Time{}
		v.generation++
	})
	g, err := p.launch()
	if err != nil {
		return p.notStarted(err)
	}
	ready := time.Now()
	p.current.Store(g)
	p.change(func(v *view) {
		v.state, v.pid, v.startedAt, v.identity = task.PluginReady, g.proc.PID(), ready, g.id
	})
	p.set.o.Observer.PluginStarted(p.name, ready.Sub(began))
	p.log.Info("plugin ready", "generation", g.number, "version", g.id.Version, "pid", g.proc.PID(), "took", ready.Sub(began))
	settle()
	asked := p.watch(g)
	p.current.Store(nil)
	g.over()
	exit := g.proc.Exit()
	p.ended(exit)
	return end{ready: exit.At.Sub(ready), asked: asked, why: exit.String()}
}

// watch waits for the end of a generation, and stops it when that is wanted. When it returns, nothing
// of the generation is left. It reports whether an operator wanted that.
func (p *Plugin) watch(g *generation) (asked bool) {
	live := make(chan struct{})
	go func() {
		defer close(live)
		g.stayAlive()
	}()
	defer func() { <-live }()
	for {
		select {
		case <-g.proc.Exited():
			p.current.Store(nil)
			p.set.announce()
			<-g.proc.Gone()
			return false
		case o := <-p.orders:
			if o != orderRestart {
				continue
			}
			p.retire(g, p.set.run)
			return true
		case <-p.set.run.Done():
			p.retire(g, p.set.stopContext())
			return false
		}
	}
}

// retire stops a generation and waits until nothing is left of it. When ctx ends, the grace does.
func (p *Plugin) retire(g *generation, ctx context.Context) {
	p.current.Store(nil)
	p.set.announce()
	grace := p.set.o.Timing.Grace
	if deadline, ok := ctx.Deadline(); ok { // leave time to kill and to look
		grace = max(min(grace, time.Until(deadline)-killTime), 0)
	}
	if err := g.proc.Stop(ctx, grace); err != nil {
		p.log.Error("plugin does not stop", "generation", g.number, "error", err)
	}
	<-g.proc.Gone()
}

// killTime is what Stop keeps of its time for killing and confirming.
const killTime = 1500 * time.Millisecond

// notStarted notes that a launch failed.
func (p *Plugin) notStarted(err error) end {
	why := err.Error()
	var failed *launch.StartError
	if p.set.run.Err() == nil {
		p.log.Error("plugin does not start", "error", why)
	}
	ran := errors.As(err, &failed) && !failed.Exit.At.IsZero()
	if ran {
		p.ended(failed.Exit)
	} else {
		p.ended(launch.Exit{At: time.Now(), Cause: launch.CauseCrash, Code: -1, Stderr: why})
	}
	return end{ready: -1, why: why, short: !ran && isShortage(err)}
}

// shortWait is how long the next launch waits when the machine was short of something.
const shortWait = 2 * time.Second

// isShortage reports whether a launch failed for want of something that may be there again later.
func isShortage(err error) bool {
	for _, want := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN,
	} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// ended notes the exit of a process.
func (p *Plugin) ended(exit launch.Exit) {
	stopped := p.set.run.Err() != nil
	p.set.o.Observer.PluginExited(p.name, exit.Cause)
	if !stopped {
		p.log.Warn("plugin ended", "cause", exit.Cause, "exit", exit.String())
	}
	p.change(func(v *view) {
		v.pid, v.startedAt, v.lastExit = 0, time.Time{}, toExit(exit)
		if exit.Cause != launch.CauseClean && !stopped {
			v.crashes++
		}
	})
}

// pause waits for the next launch. It reports whether an operator ended it.
func (p *Plugin) pause(e end, wait time.Duration, quarantine bool) (asked bool) {
	var timer <-chan time.Time
	if quarantine {
		c := p.set.o.Timing.Crash
		reason := fmt.Sprintf("%d exits within %s, each before it was ready or within %s of that; the last: %s",
			c.Quarantine, c.Window, c.Early, e.why)
		p.log.Error("plugin quarantined: it is not launched again before the host is restarted", "reason", reason)
		p.change(func(v *view) { v.state, v.reason = task.PluginQuarantined, task.Truncate(reason) })
	} else {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
		p.change(func(v *view) {
			v.state, v.reason, v.nextAt = task.PluginBackoff, task.Truncate(e.why), time.Now().Add(wait)
		})
	}
	select {
	case <-timer:
		return false
	case <-p.orders:
		return true
	case <-p.set.run.Done():
		return false
	}
}
