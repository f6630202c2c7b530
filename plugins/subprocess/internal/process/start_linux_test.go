package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/orphan"
)

func TestExitCodesAndSignals(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		for _, code := range []int{0, 1, 42, 127, 255} {
			if exit := sh(fmt.Sprintf("exit %d", code)).run(t, e); exit.Code != code || exit.Signal != 0 {
				t.Errorf("exit %d: got %+v", code, exit)
			}
		}
		for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGKILL, unix.SIGSEGV, unix.SIGPIPE, unix.SIGHUP} {
			exit := sh(fmt.Sprintf("ulimit -c 0; kill -%d $$", int(sig))).run(t, e)
			if exit.Signal != sig || exit.Code != -1 {
				t.Errorf("%v: got %+v", sig, exit)
			}
		}
	})
}

func TestResourceUseIsTold(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		exit := sh("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").run(t, e)
		if exit.CPUTime <= 0 || exit.MaxRSS < 64<<10 {
			t.Errorf("got %v of processor time and %d bytes, want more", exit.CPUTime, exit.MaxRSS)
		}
	})
}

func TestCommandsThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, "plain", []byte("hello"), 0o644)
	noexec := write(t, "noexec", []byte("\x01\x02not a program"), 0o755)
	badShebang := write(t, "shebang", []byte("#!/no/such/interpreter -x\n"), 0o755)
	for _, tt := range []struct {
		name, command, dir, want string
	}{
		{"not in PATH", "no-such-program-anywhere", "", "not found in PATH"},
		{"no such file", "/no/such/file", "", "/no/such/file does not exist"},
		{"below a file", plain + "/x", "", "does not exist"},
		{"not executable", plain, "", "not executable"},
		{"a directory", dir, "", "is a directory"},
		{"no program", noexec, "", "names no interpreter"},
		{"bad interpreter", badShebang, "", "interpreter /no/such/interpreter does not exist"},
		{"no such directory", "/bin/true", "/no/such/dir", "working directory /no/such/dir does not exist"},
		{"directory is a file", "/bin/true", plain, "is not a directory"},
		{"relative and missing", "./nothing", dir, dir + "/nothing does not exist"},
		{"endless name", "/" + strings.Repeat("x", 5000), "", "name too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, e *Engine) {
				tr := newTrial(tt.command)
				tr.cmd.Dir = tt.dir
				_, err := e.Run(t.Context(), tr.cmd)
				var start *StartError
				if !errors.As(err, &start) || !start.Permanent || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want a permanent error that says %q", err, tt.want)
				}
				if len(tr.leader) != 0 {
					t.Error("told to have started")
				}
				if exit := sh("exit 7").run(t, e); exit.Code != 7 {
					t.Errorf("next attempt: got %+v, want exit code 7", exit)
				}
			})
		})
	}
}

func TestTooLongArgumentsAreRefused(t *testing.T) {
	e := newEngine(t, Group)
	tr := newTrial("/bin/true", strings.Repeat("x", 1<<20))
	_, err := e.Run(t.Context(), tr.cmd)
	if start := (*StartError)(nil); !errors.As(err, &start) || !start.Permanent || !errors.Is(err, unix.E2BIG) {
		t.Errorf("got %v, want a permanent E2BIG", err)
	}
}

// libcSignals are the signals 32 and 33, which the C library keeps for itself: programs that use its
// posix_spawn, such as make, pass them on ignored, and nobody may handle them.
const libcSignals = 1<<31 | 1<<32

func TestTheNewProcessIsClean(t *testing.T) {
	// A descriptor that this process inherited, as it would from a careless parent.
	var careless [2]int
	if err := unix.Pipe(careless[:]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(careless[0]), unix.Close(careless[1]) })
	t.Setenv("HOST_SECRET", "42")
	eachMode(t, func(t *testing.T, e *Engine) {
		for range 5 {
			tr := sh(`i=0; while [ $i -lt 256 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done`)
			tr.run(t, e)
			if got := tr.stdout.String(); got != "0\n1\n2\n" {
				t.Fatalf("descriptors: got %q, want 0, 1 and 2", got)
			}
		}
		env := newTrial("/usr/bin/env", "-0")
		env.run(t, e)
		if got := strings.Split(strings.TrimSuffix(env.stdout.String(), "\x00"), "\x00"); !slices.Equal(got, env.cmd.Env) {
			t.Errorf("environment: got %q, want %q", got, env.cmd.Env)
		}
		link := newTrial("/bin/readlink", "/proc/self/fd/0", "/proc/self/cwd")
		link.cmd.Dir = "/usr"
		link.run(t, e)
		if got := link.stdout.String(); got != "/dev/null\n/usr\n" {
			t.Errorf("standard input and working directory: got %q", got)
		}
		signals := sh("grep -E '^Sig(Blk|Ign)' /proc/self/status")
		signals.run(t, e)
		for line := range strings.Lines(signals.stdout.String()) {
			name, mask, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			set, err := strconv.ParseUint(mask, 16, 64)
			if err != nil || set&^libcSignals != 0 {
				t.Errorf("signals are not at their default: %s %s, %v", name, mask, err)
			}
		}
	})
}

func TestTheLeaderLeadsAndIsTold(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		for range 20 {
			tr := newTrial("/bin/cat", "/proc/self/stat")
			tr.run(t, e)
			fields := strings.Fields(tr.stdout.String())
			leader := <-tr.leader
			pid := strconv.Itoa(leader.PID)
			if fields[0] != pid || fields[4] != pid || fields[5] != pid {
				t.Errorf("pid, group and session: got %s, %s, %s, want %s", fields[0], fields[4], fields[5], pid)
			}
			if want := pid + "@" + fields[21]; leader.String() != want {
				t.Errorf("leader: got %s, want %s", leader, want)
			}
		}
	})
}

func TestAttemptsLeaveNothingOpen(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		for range 8 {
			sh("(setsid sleep TAG &) ; exit 0").run(t, e)
		}
		sh("exit 0").run(t, e) // the pools hold one of each now
		before := openDescriptors(t)
		for range 50 {
			sh("sleep TAG & exit 0").run(t, e)
			_, _ = e.Run(t.Context(), newTrial("/no/such/file").cmd)
		}
		if after := openDescriptors(t); after > before {
			t.Errorf("%d descriptors are open, before it were %d", after, before)
		}
		until(t, "all children to be reaped", func() bool { return len(children(t)) == 0 })
	})
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// children returns the children of all threads of this process.
func children(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for field := range bytes.FieldsSeq(data) {
			all = append(all, string(field))
		}
	}
	return all
}

func TestStartTimeOfThisProcess(t *testing.T) {
	if start, err := orphan.StartTime(os.Getpid()); err != nil || start == 0 {
		t.Errorf("got %d, %v", start, err)
	}
}
