package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/script"
)

func scripted(interpreter, body string, args ...string) *trial {
	tr := newTrial(interpreter, args...)
	body = strings.ReplaceAll(body, "TAG", tr.tag)
	tr.cmd.Script = &body
	return tr
}

func TestScriptsRunInEveryInterpreter(t *testing.T) {
	for _, tt := range []struct{ interpreter, body, want string }{
		{"/bin/sh", "echo \"$1-$2\"; echo err >&2; exit 3", "a-b c\n"},
		{"bash", "x=(\"$@\"); echo \"${x[0]}-${x[1]}\"; echo err >&2; exit 3", "a-b c\n"},
		{"python3", "import sys\nprint('-'.join(sys.argv[1:]))\nprint('err', file=sys.stderr)\nsys.exit(3)", "a-b c\n"},
		{"node", "console.log(process.argv.slice(2).join('-')); console.error('err'); process.exit(3)", "a-b c\n"},
		{"perl", "print join('-', @ARGV), \"\\n\"; print STDERR \"err\\n\"; exit 3", "a-b c\n"},
	} {
		t.Run(filepath.Base(tt.interpreter), func(t *testing.T) {
			if _, err := exec.LookPath(tt.interpreter); err != nil {
				t.Skip(err)
			}
			eachMode(t, func(t *testing.T, e *Engine) {
				for _, naming := range []script.Naming{script.ByOwner, script.ByChild} {
					e.naming = naming
					tr := scripted(tt.interpreter, tt.body, "a", "b c")
					exit := tr.run(t, e)
					if exit.Code != 3 || tr.stdout.String() != tt.want || tr.stderr.String() != "err\n" {
						t.Errorf("naming %d: got %+v, stdout %q, stderr %q", naming, exit, tr.stdout.String(), tr.stderr.String())
					}
				}
			})
		})
	}
}

func TestAScriptIsSealedAndLeaksNothing(t *testing.T) {
	const body = `
i=0; while [ $i -lt 64 ]; do [ -e /proc/$$/fd/$i ] && [ "$i" != 10 ] && echo $i; i=$((i+1)); done
sh -c 'i=0; while [ $i -lt 64 ]; do [ -e /proc/$$/fd/$i ] && echo child $i; i=$((i+1)); done'
(echo changed > "$0") 2>/dev/null && echo written
cat "$0" | head -n 2 | tail -n 1 | cut -c 1-3
exit 0`
	eachMode(t, func(t *testing.T, e *Engine) {
		if e.naming != script.ByOwner {
			t.Skip("descriptors of this process must not be looked at")
		}
		tr := scripted("/bin/sh", body) // dash keeps the script it opened at descriptor 10
		tr.run(t, e)
		if got, want := tr.stdout.String(), "0\n1\n2\nchild 0\nchild 1\nchild 2\ni=0\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAHugeScript(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		tr := scripted("/bin/sh", strings.Repeat("# "+strings.Repeat("x", 61)+"\n", 2<<20/64-1)+"echo end; exit 6")
		if exit := tr.run(t, e); exit.Code != 6 || tr.stdout.String() != "end\n" {
			t.Errorf("got %+v and %q, want exit code 6 after all of it", exit, tr.stdout.String())
		}
	})
}

func TestAnOrphanOfAScriptDies(t *testing.T) {
	eachMode(t, func(t *testing.T, e *Engine) {
		tr := scripted("/bin/sh", "(setsid sleep TAG &)\nexit 2")
		if exit := tr.run(t, e); exit.Code != 2 {
			t.Errorf("got %+v, want exit code 2", exit)
		}
	})
}

func TestAMissingInterpreter(t *testing.T) {
	e := newEngine(t, Group)
	before := openDescriptors(t)
	_, err := e.Run(t.Context(), scripted("no-such-interpreter", "x").cmd)
	if err == nil || !strings.Contains(err.Error(), "not found in PATH") {
		t.Errorf("got %v", err)
	}
	_, err = e.Run(t.Context(), scripted("/no/such/interpreter", "x").cmd)
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("got %v", err)
	}
	if after := openDescriptors(t); after > before+1 { // the pool keeps a poller
		t.Errorf("%d descriptors are open, before it were %d", after, before)
	}
}

// TestAsAnOrdinaryUser runs the other tests as one, if it is not one that runs these.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("this is one")
	}
	dir, err := os.MkdirTemp("", "solti-user-") //nolint:usetesting // others must not enter t.TempDir's parent
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "process.test")
	if err := os.WriteFile(binary, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=Exit|Clean|Survives|Script|Stop|Complete|Nothing|Leader|CannotStart", "-test.failfast")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "TMPDIR=" + dir, "GORACE=atexit_sleep_ms=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: 65534, Gid: 65534},
		Pdeathsig:  unix.SIGKILL,
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as uid 65534: %v\n%s", err, out)
	}
}
