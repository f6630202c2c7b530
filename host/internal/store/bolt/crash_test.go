package bolt

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store"
	"github.com/soltihq/solti-host/host/internal/store/storetest"
	"github.com/soltihq/solti-host/host/task"
)

// crashDir names the environment variable that makes the test binary the child of TestKill.
const crashDir = "SOLTI_TEST_CRASH_DIR"

// crashChild commits for ever from eight goroutines, and prints what was acknowledged.
func crashChild(dir string) {
	s, err := Open(dir, Options{Reserve: 4096})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	c := store.NewCommitter(s, store.CommitterOptions{})
	var mu sync.Mutex
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				h := storetest.NewHistory()
				r := h.Accept(fmt.Sprintf("crash-%d-%d", g, i), 300)
				uid := task.NewUID(time.Now())
				r.Task.Metadata.UID, r.Key = uid, nil
				for _, unit := range [][]event.Record{{r}, {step(r, 1, false)}, {step(r, 1, true)}} {
					done := make(chan error, 1)
					c.Append(unit, func(err error) { done <- err })
					if err := <-done; err != nil {
						fmt.Fprintln(os.Stderr, err)
						os.Exit(2)
					}
					mu.Lock()
					fmt.Printf("%s %d\n", uid, unit[0].Book.Revision)
					mu.Unlock()
				}
			}
		}()
	}
	select {}
}

// step is the start or the end of an attempt of an accepted task.
func step(r event.Record, attempt int, end bool) event.Record {
	t := *r.Task
	run := task.Run{Attempt: attempt, Phase: task.Running, StartedAt: r.At}
	t.Status.Attempt, t.Status.Phase = attempt, task.Running
	r.Kind, r.Respec, r.Book.Revision = event.Started, false, uint64(2*attempt)
	if end {
		run.FinishedAt, run.Phase = r.At, task.Succeeded
		t.Status.Phase, t.Status.Outcome = task.Succeeded, &task.Outcome{Kind: task.OutcomeCompleted, FinishedAt: r.At}
		r.Kind, r.Book.Revision = event.Ended, uint64(2*attempt+1)
	}
	r.Task, r.Run = &t, &run
	return r
}

func TestKill(t *testing.T) {
	t.Parallel()
	kills := 15
	if os.Getenv("SOLTI_LONG") != "" {
		kills = 200
	}
	if testing.Short() {
		kills = 3
	}
	dir := filepath.Join(t.TempDir(), "store")
	acked := make(map[task.UID]uint64)
	for range kills {
		live(t, dir, acked, time.Duration(50+rand.IntN(400))*time.Millisecond)
		verify(t, dir, acked)
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged in all lives")
	}
	t.Logf("%d kills, %d tasks acknowledged", kills, len(acked))
}

// live runs the child for d, kills it, and adds what it acknowledged.
func live(t *testing.T, dir string, acked map[task.UID]uint64, d time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(d, func() { cmd.Process.Kill() })
	defer kill.Stop()
	for sc := bufio.NewScanner(out); sc.Scan(); {
		text, revision, _ := strings.Cut(sc.Text(), " ")
		uid, err := task.ParseUID(text)
		var n uint64
		if _, scanErr := fmt.Sscan(revision, &n); err != nil || scanErr != nil {
			break // the line was cut by the kill
		}
		acked[uid] = max(acked[uid], n)
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("child: %v: %s", err, stderr.String())
	}
}

// verify opens what the child left behind: nothing acknowledged is missing, and nothing is torn.
func verify(t *testing.T, dir string, acked map[task.UID]uint64) {
	t.Helper()
	s := open(t, dir, Options{Reserve: 4096})
	defer s.Close()
	found := make(map[task.UID]uint64)
	meta, err := s.Load(func(it store.Item) error {
		found[it.Task.Metadata.UID] = it.Book.Revision
		if it.Book.Revision > 1 && it.Last == nil {
			t.Errorf("task %s has revision %d and no run", it.Task.Metadata.UID, it.Book.Revision)
		}
		return nil
	})
	if err != nil || len(meta.Damaged) > 0 {
		t.Fatalf("Load after the kill: %v, damaged %v", err, meta.Damaged)
	}
	for uid, revision := range acked {
		if found[uid] < revision {
			t.Fatalf("task %s: revision %d was acknowledged, %d is there", uid, revision, found[uid])
		}
	}
}
