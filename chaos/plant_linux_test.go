package chaos

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/chaos/internal/rig"
)

// A state directory that loses what was written, as one does that acknowledges before it syncs, must
// be found out by the same campaign that finds nothing wrong otherwise.
func TestAHostThatForgetsIsFoundOut(t *testing.T) {
	s := seed()
	c := &campaign{world: setup(t, 0, killSettings...), dice: rand.New(rand.NewPCG(s, 0))} //nolint:gosec // repeatable
	db, old := filepath.Join(c.StateDir(), "state.db"), filepath.Join(c.Dir, "old.db")
	evidence := c.run(s, func() {
		for life := range 4 {
			l := c.start()
			c.ready(l)
			wait(t.Context(), 700*time.Millisecond)
			c.kills = append(c.kills, oracle.Kill{At: l.Kill()})
			switch life {
			case 1:
				copyFile(t, old, db)
			case 3:
				copyFile(t, db, old)
			}
		}
	})
	found := map[oracle.Rule]int{}
	for _, v := range oracle.Check(evidence) {
		found[v.Rule]++
	}
	// A number that was forgotten is found twice only if its slot gets it again, which is a matter of
	// luck: the oracle's own tests plant that.
	for _, rule := range []oracle.Rule{oracle.Acknowledged, oracle.Effects} {
		if found[rule] == 0 {
			t.Errorf("two lives of the host were forgotten and no violation of %q was found; found %v", rule, found)
		}
	}
	t.Logf("seed %d: found %v", s, found)
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// byHand runs the payload's script without a host, as attempt 1 of a task in a slot.
func byHand(t *testing.T, w *world, name, slot, work, manner string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", w.payloads(), "by-hand", slot, "3", work, "0", "0", manner)
	cmd.Env = append(os.Environ(), "SOLTI_TASK="+name, "SOLTI_ATTEMPT=1", "SOLTI_RUN_ID=by-hand-"+slot+"-1", rig.MarkEnv+"="+w.Mark)
	return cmd
}

// begun waits until the ledger has n lines of a kind.
func begun(t *testing.T, w *world, kind oracle.LineKind, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		lines := slices.DeleteFunc(w.ledger(), func(l oracle.Line) bool { return l.Kind != kind })
		if len(lines) >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the ledger has %d lines of kind %s, want %d", len(lines), kind, n)
		}
		wait(t.Context(), 5*time.Millisecond)
	}
}

// Two payloads of one task or of one slot at a time must say so, also when the first is dead and only
// a child of it is left, and its processes must be found.
func TestPayloadsNoticeOneAnother(t *testing.T) {
	for _, c := range []struct {
		what, name, slot, note string
		orphan                 bool
	}{
		{"of one task", "a", "other", "task", false},
		{"of one slot", "b", "slot", "slot", false},
		{"of one slot whose first left a child", "b", "slot", "slot", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := setup(t, 0)
			w.note("life 1\n")
			first := byHand(t, w, "a", "slot", "30", tree)
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = first.Wait() })
			t.Cleanup(w.sweep)
			begun(t, w, oracle.Begin, 1)
			if c.orphan {
				_ = first.Process.Kill()
			}
			out, err := byHand(t, w, c.name, c.slot, "0", plain).CombinedOutput()
			if err == nil {
				t.Errorf("the second payload ran: %s", out)
			}
			lines := w.ledger()
			if last := lines[len(lines)-1]; last.Kind != oracle.Overlap || last.Note != c.note {
				t.Errorf("the ledger ends with %+v", last)
			}
			left, err := w.Processes()
			if err != nil || len(left) < 2 {
				t.Errorf("found %v, %v, want the children of the first", left, err)
			}
		})
	}
}

// What a host prints when it panics, and errors in its log, must be found.
func TestErrorsInLogsAreFound(t *testing.T) {
	w := setup(t, 0)
	w.Lives = 1
	log := `{"@level":"info","@message":"fine"}` + "\n" + `{"@level":"error","@message":"not fine"}` + "\npanic: oh\n"
	if err := os.WriteFile(w.LogPath(1), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.errors(); len(got) != 2 || !strings.Contains(got[0], "not fine") || !strings.Contains(got[1], "panic: oh") {
		t.Errorf("found %q", got)
	}
}

// The output that is expected is what the script writes.
func TestThePayloadWritesWhatIsExpected(t *testing.T) {
	w := setup(t, 0)
	w.note("life 1\n")
	out, err := byHand(t, w, "a", "slot", "0", plain).Output()
	if want := (oracle.Intent{Lines: 3}).Output("by-hand-slot-1"); err != nil || !bytes.Equal(out, want) {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	if lines := w.ledger(); len(lines) != 3 || lines[1].Kind != oracle.Begin || lines[2].Kind != oracle.End || lines[2].Code != 0 {
		t.Errorf("ledger %+v", lines)
	}
}
