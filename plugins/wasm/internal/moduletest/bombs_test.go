package moduletest_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

// Nothing but the process's own limits stops it: it dies of them, and takes the process along.
func TestTableBombTakesWhatItGets(t *testing.T) {
	p := start(t, moduletest.TableBomb(), envData+"=256")
	p.ready(t)
	<-p.ended
	if text := p.stderr.String(); p.cmd.ProcessState.Success() || !strings.Contains(text, "memory") && !strings.Contains(text, "allocate") {
		t.Errorf("ended with %v, and stderr does not tell of memory: %.300s", p.cmd.ProcessState, text)
	}
}

func TestMemoryBombEndsAtTheLimit(t *testing.T) {
	out, code, err := runHere(t, &guest{wasm: moduletest.MemoryBomb(), pages: 100})
	if out != moduletest.Ready+moduletest.Full || code != 0 || err != nil {
		t.Errorf("it says %q and ends with %d, %v", out, code, err)
	}
}

func TestRecursionOverflowsTheStack(t *testing.T) {
	out, _, err := runHere(t, &guest{wasm: moduletest.Recursion()})
	if out != moduletest.Ready || err == nil || !strings.Contains(err.Error(), "stack overflow") {
		t.Errorf("it says %q and ends with %.200v", out, err)
	}
}

// The process may have a few files more than it has, and the program runs into that.
func TestOpensCloseNothing(t *testing.T) {
	p := start(t, moduletest.Opens(), envFiles+"=300", envDir+"="+t.TempDir())
	<-p.ended
	const io, mfile = 29, 33 // what this engine says of it, and what it should say
	if code := p.cmd.ProcessState.ExitCode(); code != io && code != mfile {
		t.Errorf("ended with %v; stderr %s", p.cmd.ProcessState, p.stderr.String())
	}
}

func TestOutputFloodWritesWhatIsTaken(t *testing.T) {
	w := &limited{left: 1 << 20}
	code, err := (&guest{wasm: moduletest.OutputFlood(), stdout: w}).run(t.Context())
	if err != nil || code == 0 || w.left != 0 {
		t.Errorf("ended with %d, %v, and %d bytes are not taken", code, err, w.left)
	}
}

// limited takes so many bytes and then fails.
type limited struct{ left int }

func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.left {
		return 0, errors.New("full")
	}
	if line := strings.Repeat("x", 63) + "\n"; !bytes.HasPrefix(b, []byte(line)) || len(b)%64 != 0 {
		return 0, errors.New("no lines of 64 bytes")
	}
	l.left -= len(b)
	return len(b), nil
}

// Four times as large a function takes the compiler much more than four times as long.
func TestCompileBombGrowsFasterThanItsSize(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	took := func(n int) time.Duration {
		g := guest{wasm: moduletest.CompileBomb(n)}
		best := time.Hour
		for range 2 {
			began := proctest.ThreadTime(t)
			if _, code, err := runHere(t, &g); code != 0 || err != nil {
				t.Fatalf("%d loops: %d, %v", n, code, err)
			}
			best = min(best, proctest.ThreadTime(t)-began)
		}
		return best
	}
	if small, large := took(30), took(120); large < 8*small {
		t.Errorf("30 loops take %v and 120 only %v", small, large)
	}
}
