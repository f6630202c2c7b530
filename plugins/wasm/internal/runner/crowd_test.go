package runner

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// crowd is how many attempts sleep at one time. SOLTI_LONG=1 takes 1000, which here, where workers are as large as
// all the tests, takes 3 GB and half a minute; with the race detector there would be no end of it.
func crowd() int {
	if os.Getenv("SOLTI_LONG") == "" || proctest.Raced {
		return 100
	}
	return 1000
}

// A crowd that sleeps is canceled, and nothing of it is left: no process, no descriptor, no goroutine, no
// cgroup, no file. Every attempt ends once.
func TestCrowdOfSleepersIsCanceled(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 0}})
	handles := make([]handle, crowd())
	for i := range handles {
		handles[i] = s.build(t, inline(moduletest.Sleep()))
	}
	for range 2 { // the image is made, and what Go's runtime keeps is there
		handles[0].asleep(t).cancel(t)
	}
	for _, way := range []struct {
		name   string
		cancel func(t *testing.T, sleepers []*record)
	}{
		{"one by one", func(t *testing.T, sleepers []*record) {
			for _, r := range sleepers {
				r.cancel(t)
			}
		}},
		{"all at once", func(t *testing.T, sleepers []*record) {
			for _, r := range sleepers {
				r.stop(t, pluginv1.StopReason_STOP_REASON_CANCEL)
			}
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			before, began := s.left(t), time.Now()
			sleepers := make([]*record, len(handles))
			for i, h := range handles {
				sleepers[i] = h.start(t, nil)
			}
			for _, r := range sleepers {
				r.until(t, moduletest.Ready)
			}
			pids := workers(t)
			if len(pids) != len(sleepers) {
				t.Errorf("%d workers for %d attempts", len(pids), len(sleepers))
			}
			ours := cgroup(t, os.Getpid())
			for _, pid := range pids {
				if got := cgroup(t, pid); got != ours {
					t.Errorf("worker %d is in the cgroup %q, and the plugin in %q", pid, got, ours)
				}
			}
			const each = 3 // a socket, the pipe of its stderr, the process; docs/wasm.md says so
			if n := proctest.Descriptors(t) - before.descriptors; n > each*len(sleepers) {
				t.Errorf("%d descriptors for %d attempts", n, len(sleepers))
			}
			asleep := time.Now()
			way.cancel(t, sleepers)
			for _, r := range sleepers {
				r.finish(t).want(t, canceled, false)
				if r.ends != 1 {
					t.Errorf("run %s has %d ends", r.id, r.ends)
				}
			}
			t.Logf("%d attempts: asleep after %v, gone %v later", len(sleepers), asleep.Sub(began), time.Since(asleep))
			s.leaves(t, before)
		})
	}
}

// asleep starts an attempt and waits until its guest has begun.
func (h handle) asleep(t *testing.T) *record {
	t.Helper()
	r := h.start(t, nil)
	r.until(t, moduletest.Ready)
	return r
}

// A remainder is what there is of this process and below it.
type remainder struct {
	workers, descriptors, goroutines, files int
}

// leaves waits until there is no more than before.
func (s *subject) leaves(t *testing.T, before remainder) {
	t.Helper()
	left := s.left(t)
	for deadline := time.Now().Add(proctest.Patience); !left.within(before); left = s.left(t) {
		if time.Now().After(deadline) {
			t.Fatalf("left %+v, and before there was %+v", left, before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (a remainder) within(b remainder) bool {
	return a.workers <= b.workers && a.descriptors <= b.descriptors &&
		a.goroutines <= b.goroutines && a.files <= b.files
}

func (s *subject) left(t *testing.T) remainder {
	t.Helper()
	return remainder{
		workers: len(workers(t)), descriptors: proctest.Descriptors(t), goroutines: runtime.NumGoroutine(),
		files: files(t, s.state),
	}
}

// files counts what is below a directory.
func files(t *testing.T, dir string) (n int) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error {
		if err == nil {
			n++
		}
		return nil
	})
	return n
}

// cgroup returns the lines that say where a process is. Nobody makes a cgroup for a worker.
func cgroup(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
