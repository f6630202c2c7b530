package host_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

// files returns the names of all files below dir that have output.
func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil && !e.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// mentioning counts the files whose path has a task's uid in it.
func mentioning(all []string, t *task.Task) (n int) {
	for _, path := range all {
		if strings.Contains(path, t.Metadata.UID.String()) {
			n++
		}
	}
	return n
}

func TestWhatIsOldIsForgottenAndWhatRunsStays(t *testing.T) {
	t.Parallel()
	o := host.Options{StateDir: t.TempDir(), Retention: host.Retention{
		RunTTL: 20 * time.Millisecond, TaskTTL: 20 * time.Millisecond, Interval: 10 * time.Millisecond,
	}}
	h := open(t, o)
	much := strings.Repeat("x", 1<<18)
	write := func(_ context.Context, r *host.Run) error {
		_, err := fmt.Fprint(r.Stdout, much)
		return err
	}
	stays := h.submitFunc(named("stays", nil), func(ctx context.Context, r *host.Run) error {
		_ = write(ctx, r)
		return noEnd(ctx, r)
	})
	goes := h.submitFunc(named("goes", nil), write)
	h.submitFunc(named("goes-too", retry(3)), func(context.Context, *host.Run) error { return errTest })
	repeats := h.submitFunc(named("repeats", func(s *task.Spec) {
		s.Restart = task.Restart{Policy: task.Always, Interval: task.Duration(15 * time.Millisecond)}
	}), write)
	h.written("stays", "begun\n")

	outputs := filepath.Join(o.StateDir, "output")
	for _, name := range []task.Name{"goes", "goes-too"} {
		poll(t, "task "+string(name)+" is forgotten", func() bool {
			_, err := h.Get(name)
			return errors.Is(err, task.ErrNotFound)
		})
	}
	poll(t, "the output of goes is removed", func() bool { return mentioning(files(t, outputs), goes) == 0 })
	poll(t, "early runs of repeats are forgotten", func() bool {
		runs, err := h.Runs("repeats", task.RunQuery{})
		return err == nil && len(runs.Items) > 0 && runs.Items[0].Attempt > 3
	})
	if n := mentioning(files(t, outputs), stays); n == 0 {
		t.Error("the output of a running task was removed")
	}
	if n := mentioning(files(t, outputs), repeats); n > 40 {
		t.Errorf("%d files of repeats are left", n)
	}
	if text := h.read("stays", task.OutputQuery{}); text != much+"begun\n" {
		t.Errorf("output of what runs: %d bytes, want %d", len(text), len(much)+6)
	}
	if runs, err := h.Runs("stays", task.RunQuery{}); err != nil || len(runs.Items) != 1 {
		t.Errorf("runs of what runs: %+v, %v", runs, err)
	}
	got, err := h.Get("solti-state-sweep")
	if err != nil || got.Status.Done() {
		t.Errorf("the sweep itself: %+v, %v", got, err)
	}
}

// What an earlier host forgot, and did not live to remove, goes at the next start; the rest stays.
func TestOutputOfNoKnownRunGoesAtStart(t *testing.T) {
	t.Parallel()
	o := host.Options{StateDir: t.TempDir()}
	h := open(t, o)
	much := strings.Repeat("x", 1<<18)
	h.submitFunc(named("kept", nil), func(_ context.Context, r *host.Run) error {
		_, err := fmt.Fprint(r.Stdout, much)
		return err
	})
	kept := h.over("kept").Metadata.UID.String()
	h.stop()

	outputs := filepath.Join(o.StateDir, "output")
	for _, orphan := range []string{filepath.Join(task.NewUID(time.Now()).String(), "1"), filepath.Join(kept, "2")} {
		if err := os.CopyFS(filepath.Join(outputs, orphan), os.DirFS(filepath.Join(outputs, kept, "1"))); err != nil {
			t.Fatal(err)
		}
	}
	h = open(t, o)
	poll(t, "only the output of the kept run is left", func() bool {
		left := slices.DeleteFunc(files(t, outputs), func(name string) bool {
			return strings.HasPrefix(name, filepath.Join(outputs, "shared")) || strings.HasPrefix(name, filepath.Join(outputs, kept, "1"))
		})
		return len(left) == 0
	})
	if text := h.read("kept", task.OutputQuery{}); !strings.HasPrefix(text, much) {
		t.Errorf("output of what is kept: %d bytes, want %d", len(text), len(much))
	}
}

func TestARunningTaskKeepsSoManyRuns(t *testing.T) {
	t.Parallel()
	h := open(t, host.Options{Retention: host.Retention{Interval: 10 * time.Millisecond, MaxRuns: 3}})
	h.submitFunc(named("a", func(s *task.Spec) { s.Restart.Policy = task.Always }), func(context.Context, *host.Run) error { return nil })
	h.until("a", "in its 20th attempt", func(t *task.Task) bool { return t.Status.Attempt >= 20 })
	if err := h.Cancel(t.Context(), "a", task.UID{}); err != nil {
		t.Fatal(err)
	}
	last := h.over("a").Status.Attempt
	poll(t, "three runs are left", func() bool {
		runs, err := h.Runs("a", task.RunQuery{})
		return err == nil && len(runs.Items) == 3 && runs.Items[2].Attempt == last
	})
}
