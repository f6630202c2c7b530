package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"testing"
)

func TestADraftBecomesAFileOrNothing(t *testing.T) {
	d := newDir(t)
	draft, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = draft.WriteString("half")
	if items, _ := d.List(); len(items) != 0 {
		t.Errorf("a draft is listed: %v", items)
	}
	draft.Discard()
	draft.Discard()
	if names := ls(t, d.Path()); len(names) != 0 {
		t.Errorf("discarded, left %q", names)
	}
	put(t, d, "a", "one")
	put(t, d, "a", "two")
	if text, err := os.ReadFile(d.Path() + "/a"); err != nil || string(text) != "two" {
		t.Errorf("read %q, %v", text, err)
	}
	if st, err := os.Stat(d.Path() + "/a"); err != nil || st.Mode().Perm() != 0o400 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestCommitRefusesNamesOutside(t *testing.T) {
	d := newDir(t)
	for _, name := range []string{"", "..", "../x"} {
		draft, err := d.Create()
		if err != nil {
			t.Fatal(err)
		}
		if err := draft.Commit(name, false); err == nil {
			t.Errorf("commit as %q: no error", name)
		}
	}
	if names := ls(t, d.Path()); len(names) != 0 {
		t.Errorf("left %q", names)
	}
}

func TestCommitNewIsWonByOne(t *testing.T) {
	d := newDir(t)
	var wins, losses int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			draft, err := d.Create()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprint(draft, i)
			err = draft.CommitNew("secret", 0o600)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wins++
			case errors.Is(err, fs.ErrExist):
				losses++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if wins != 1 || losses != 7 {
		t.Errorf("%d won and %d lost", wins, losses)
	}
	if names := ls(t, d.Path()); len(names) != 1 {
		t.Errorf("left %q", names)
	}
}

func TestSweepLeavesDraftsOfTheLiving(t *testing.T) {
	d := newDir(t)
	dead, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close() // as the kernel does for a process that was killed
	living, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(d.Path()) // as another process would
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if err := other.Sweep(); err != nil {
		t.Fatal(err)
	}
	if names := ls(t, d.Path()); len(names) != 1 || names[0] != living.Name() {
		t.Errorf("left %q, want the living draft alone", names)
	}
	if err := living.Commit("a", true); err != nil {
		t.Errorf("commit after the sweep: %v", err)
	}
}
func TestWritersAndSweepersDoNotDisturbOneAnother(t *testing.T) {
	d := newDir(t)
	done := make(chan struct{})
	var sweeper, writers sync.WaitGroup
	sweeper.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := d.Sweep(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for w := range 4 {
		writers.Go(func() {
			for i := range 50 {
				draft, err := d.Create()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = draft.WriteString("text")
				if err := draft.Commit(fmt.Sprintf("%d-%d", w, i), false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	sweeper.Wait()
	if names := ls(t, d.Path()); len(names) != 200 {
		t.Errorf("%d files, want 200", len(names))
	}
}
