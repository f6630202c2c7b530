package runner

import (
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// job says what the guest gets. The files are closed by the function that is returned.
func (t *task) job(run *sdk.Run) (job wire.Job, closeAll func(), err error) {
	w := t.workload
	var files []*os.File
	closeAll = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	defer func() {
		if err != nil {
			closeAll()
		}
	}()
	job = wire.Job{
		Entry: w.EntryPoint, Args: append([]string{t.program()}, w.Args...),
		OpenFiles: uint32(w.Limits.OpenFiles), CPU: w.Limits.CPU, Last: w.Isolation == workload.Process,
		Clock: map[workload.Clock]wire.Clock{workload.CoarseClock: wire.ClockCoarse, workload.NoClock: wire.ClockNone}[w.Clock],
	}
	if job.Env, err = t.environment(run, job.Args); err != nil {
		return job, closeAll, err
	}
	if w.Random == workload.Seeded {
		job.Seeded, job.Seed = true, sha256.Sum256([]byte(w.Seed))
	}
	if input := w.Input(); len(input) > 0 {
		if job.Stdin, err = memfile.Of("stdin", input); err != nil {
			return job, closeAll, fmt.Errorf("stdin: %w", err)
		}
		files = append(files, job.Stdin)
	}
	for i, m := range w.Mounts {
		dir, err := t.open(m)
		if err != nil {
			return job, closeAll, fmt.Errorf("spec.workload.spec.mounts[%d].host: %w", i, err)
		}
		files = append(files, dir)
		job.Mounts = append(job.Mounts, wire.Mount{
			Guest: m.Guest, Dir: dir, Writable: m.Mode == workload.ReadWrite, Quota: uint64(m.Quota), Links: m.Links,
		})
	}
	for _, name := range w.Listeners {
		socket, err := t.runner.listener(name)
		if err != nil {
			return job, closeAll, err
		}
		files = append(files, socket)
		job.Listeners = append(job.Listeners, wire.Listener{Name: name, File: socket})
	}
	return job, closeAll, nil
}

// environment joins the layers: the task's own, the operator's for all tasks, this attempt's.
func (t *task) environment(run *sdk.Run, args []string) ([]string, error) {
	for name, value := range run.Env {
		if problem := workload.EnvProblem(name, value); problem != "" {
			return nil, fmt.Errorf("environment of the attempt: variable %q: %s", name, problem)
		}
	}
	env := sdk.MergeEnv(t.workload.Env, t.env, run.Env)
	size := 0
	for _, list := range [][]string{args, env} {
		for _, text := range list {
			size += len(text) + 1
		}
	}
	if size > workload.MaxText+maxGiven {
		return nil, fmt.Errorf("args and env have %d bytes together with what the operator gives, at most %d are possible",
			size, workload.MaxText+maxGiven)
	}
	return env, nil
}

// maxGiven is how many bytes of variables may be given beside those of the task: a job is one message.
const maxGiven = 16 << 10

// program is what the guest finds as its own name.
func (t *task) program() string {
	if t.name != "" {
		return t.name
	}
	return "main"
}

func (t *task) limit() wire.Limit {
	o := t.workload.Limits.Output
	return wire.Limit{
		Bytes: int64(o.Bytes), Rate: int64(o.Rate),
		Over: map[workload.Over]wire.Over{workload.Drop: wire.Drop, workload.Kill: wire.Kill}[o.Over],
	}
}
