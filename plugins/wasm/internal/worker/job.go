package worker

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fence"
	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

var background = context.Background()

// growth is how much more memory than when it was ready a worker may have had to take another job, in KiB.
const growth = 64 << 10

// serve runs jobs until there are no more.
func (w *worker) serve() error {
	for {
		job, fds, err := w.child.Next()
		if err != nil {
			return err
		}
		if err := w.run(job, fds); err != nil || job.Last {
			return err
		}
	}
}

// run runs one job and says how it ended.
func (w *worker) run(job wire.Job, fds wire.Descriptors) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *wasi.OutputError:
			err = r
		default:
			panic(r)
		}
	}()
	began := cpuTime()
	status, err := w.guest(job, fds)
	if err != nil {
		return err
	}
	w.child.Counter(wire.CPUTime).Store(uint64(cpuTime() - began))
	status.Reusable = !job.Last && status.End == wire.Exited && peakRSS()-w.rss < growth
	return w.child.Status(status)
}

// guest makes the job's surroundings and runs its guest in them. An error is the worker's own.
func (w *worker) guest(job wire.Job, fds wire.Descriptors) (wire.Status, error) {
	if err := w.fence.Close(rulesOf(job, fds)); err != nil {
		return wire.Status{}, err
	}
	tree, err := fsys.New(mountsOf(job, fds), fsys.Options{
		Open: int(job.OpenFiles), Opens: w.child.Counter(wire.Opens), Denied: w.child.Counter(wire.Denied),
		Full: w.child.Counter(wire.QuotaHits),
	})
	for _, fd := range fds.Mounts {
		unix.Close(fd)
	}
	if err != nil {
		return wire.Status{End: wire.Failed, Reason: err.Error()}, nil
	}
	defer tree.Close()
	if err := w.cpu.start(job.CPU); err != nil {
		return wire.Status{}, err
	}
	defer w.cpu.stop()
	w.child.Counter(wire.Begun).Store(1) // instantiation runs start functions, which are the guest's
	return w.module.Run(job.Entry, w.optionsOf(job, fds, tree)), nil
}

func rulesOf(job wire.Job, fds wire.Descriptors) []fence.Rule {
	rules := make([]fence.Rule, 0, len(job.Mounts))
	for i, m := range job.Mounts {
		rules = append(rules, fence.Rule{Dir: fds.Mounts[i], Writable: m.Writable})
	}
	return rules
}

func mountsOf(job wire.Job, fds wire.Descriptors) []fsys.Mount {
	mounts := make([]fsys.Mount, 0, len(job.Mounts))
	for i, m := range job.Mounts {
		mounts = append(mounts, fsys.Mount{
			Guest: m.Guest, Dir: fds.Mounts[i], Writable: m.Writable, Quota: m.Quota, Links: m.Links,
		})
	}
	return mounts
}

func (w *worker) optionsOf(job wire.Job, fds wire.Descriptors, tree *fsys.Tree) wasi.Options {
	o := wasi.Options{
		Args: job.Args, Env: job.Env, Stdin: fds.Stdin, Tree: tree,
		Output: func(stream int, p []byte) error { return w.child.Write(wire.Stream(stream), p) },
		Clock:  wasi.Clock(job.Clock),
	}
	if job.Seeded {
		o.Seed = &job.Seed
	}
	for i, l := range job.Listeners {
		o.Listeners = append(o.Listeners, wasi.Listener{Name: l.Name, FD: fds.Listeners[i]})
	}
	return o
}

// cpuTime returns the processor time of the process in nanoseconds.
func cpuTime() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic(fmt.Sprintf("read processor time: %v", err))
	}
	return ts.Nano()
}

// peakRSS returns the most memory that the process had, in KiB.
func peakRSS() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss
}
