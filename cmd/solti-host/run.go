package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

func (a *app) runSpec() *cobra.Command {
	c := &cobra.Command{
		Use:   "run SPEC...",
		Short: "Run tasks to their end, without a server",
		Long: `Run the tasks in the files SPEC (- is standard input) in a host of its own, whose state is thrown away. The
task's standard output and standard error are those of this command; how it ended is the last line on standard error.
Several tasks are submitted in the order of the files, once all of them have been checked, and each line that they
write is behind the name of its task.

With -o, standard output is one document, the task when it is over or a list of several, and all that tasks write
goes to standard error.

The exit code is 0 if the task succeeded, 1 if it failed or was canceled, 2 if the task or the configuration is
wrong, and 4 if a plugin or the host failed; of several tasks it is the highest. The first Ctrl-C cancels what runs,
the second ends it at once.`,
		Example: `  solti-host run hello.yaml
  solti-host run -o json --log-level debug build.yaml test.yaml >result.json`,
		Args:              some("SPEC"),
		ValidArgsFunction: completeSpecs,
	}
	source := a.settings(c, "state-dir", "listen")
	c.RunE = func(c *cobra.Command, args []string) error {
		all, err := a.sources(args)
		if err != nil {
			return err
		}
		if err := unique(all); err != nil {
			return err
		}
		force, stop := untilSecondSignal(c.Context())
		defer stop()
		defer context.AfterFunc(c.Context(), func() { fmt.Fprint(a.errs, freshLine(a.errs), asked, "\n") })()
		ended, err := a.runPrivate(c.Context(), force, source(), all)
		if err != nil {
			return err
		}
		return a.results(ended, len(all) > 1)
	}
	return a.documentFlag(c)
}

// asked tells whoever interrupts a run why it is still there.
const asked = "solti-host: asking the tasks to end; a second Ctrl-C ends them at once"

// freshLine begins a new line on a terminal, which shows the keys of an interrupt.
func freshLine(w io.Writer) string {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return "\n"
		}
	}
	return ""
}

// unique refuses names that two tasks have: one host would take only the first.
func unique(all []source) error {
	seen := map[task.Name]bool{}
	for _, s := range all {
		name := s.task.Metadata.Name
		if name != "" && seen[name] {
			return s.blame(task.FieldErrors{{Path: "metadata.name", Message: string(name) + ": another task has the name as well"}})
		}
		seen[name] = true
	}
	return nil
}

// runPrivate runs tasks in a host of its own, in a directory of its own.
func (a *app) runPrivate(ctx, force context.Context, from host.ConfigSource, all []source) (ended []*task.Task, err error) {
	// A reader that went away is an error of a write, so that what was started is also stopped.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)

	dir, remove, err := host.TempStateDir()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	from.Flags["state-dir"], from.Flags["listen"] = dir, "none"
	from.Defaults["log.level"] = "warn"
	o, err := host.LoadConfig(from)
	if err != nil {
		return nil, misuseError{err: inTempDir(err)}
	}
	o.Subreaper = true // this process is a host and nothing else
	h, err := host.New(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Shutdown(force)) }()
	if err := h.Start(ctx); err != nil {
		return nil, err
	}
	return a.runAll(ctx, force, h, all)
}

// inTempDir blames the place for temporary files for what is wrong with the state directory in it.
func inTempDir(err error) error {
	problems, ok := errors.AsType[task.FieldErrors](err)
	if !ok {
		return err
	}
	for i := range problems {
		if problems[i].Path == "--state-dir" {
			problems[i].Path = "TMPDIR"
		}
	}
	return problems
}

// results tells how tasks ended, as documents if that was asked for, and returns the worst exit code.
func (a *app) results(ended []*task.Task, several bool) error {
	if a.documents() {
		if err := a.showTasks(ended, several); err != nil {
			return err
		}
	}
	worst := exitOK
	for _, t := range ended {
		worst = max(worst, outcomeCode(t.Status.Outcome))
	}
	if worst != exitOK {
		return exitError(worst)
	}
	return nil
}
