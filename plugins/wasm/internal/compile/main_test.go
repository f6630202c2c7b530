package compile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

func TestMain(m *testing.M) { proctest.Main(m, modes) }

// modes are what a child can do: the right thing, and all that it should not.
var modes = proctest.Modes{
	Mode:      Main,
	CheckMode: Main,
	"crash":   func() int { panic("the compiler broke") },
	"fatal": func() int { // not to be recovered from
		m := map[int]int{}
		go func() {
			for {
				m[1]++
			}
		}()
		for {
			m[2]++
		}
	},
	"hang": func() int {
		_, _ = os.NewFile(fdReport, "report").WriteString("begun")
		for i := 0; ; i++ {
			runtime.KeepAlive(i)
		}
	},
	"silent": func() int { return 0 },
	"babble": func() int {
		_, _ = os.NewFile(fdReport, "report").WriteString("{nonsense")
		return 0
	},
	"huge": func() int {
		_ = os.NewFile(fdReport, "report").Truncate(maxReport + 1)
		return 0
	},
	"litter": func() int { // leaves links and more in place of native code
		_, _ = os.NewFile(fdReport, "report").WriteString(`{"Facts":{}}`)
		dir := fmt.Sprintf("/proc/self/fd/%d/%s", fdScratch, wholeDir)
		_, _ = os.Mkdir(dir, 0o700), os.Symlink("/etc/passwd", dir+"/code")
		return 0
	},
	"elsewhere": func() int { // leads out of the scratch directory
		_, _ = os.NewFile(fdReport, "report").WriteString(`{"Facts":{}}`)
		_ = os.Symlink("/etc/init.d", fmt.Sprintf("/proc/self/fd/%d/%s", fdScratch, wholeDir))
		return 0
	},
	"nameless": func() int { // leaves no code of the shell
		_, _ = os.NewFile(fdReport, "report").WriteString(`{"Facts":{}}`)
		dir := fmt.Sprintf("/proc/self/fd/%d/%s", fdScratch, wholeDir)
		_, _ = os.Mkdir(dir, 0o700), os.WriteFile(dir+"/code", []byte("x"), 0o600)
		return 0
	},
	"shellless": func() int { // does it all, but says that there is no shell
		r, err := work()
		if err != nil {
			return fail(err)
		}
		r.NoShell = "the engine does not take it"
		if err := json.NewEncoder(os.NewFile(fdReport, "report")).Encode(r); err != nil {
			return fail(err)
		}
		return 0
	},
	"tamper": func() int { // writes to what it should only read
		for _, fd := range []int{fdRequest, fdModule} {
			f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY, 0)
			if err == nil {
				if _, err = f.WriteAt([]byte("x"), 0); err == nil {
					return 0
				}
			}
		}
		panic("everything was sealed")
	},
	"curious": curious,
	"load":    load,
}

// curious confines itself as a child does, and then tries what a module that has taken it over would.
func curious() int {
	_, _ = io.Copy(io.Discard, os.NewFile(fdGo, "go"))
	wall, err := confine(request{Memory: 1 << 40})
	switch {
	case err != nil:
		return fail(err)
	case wall.Version == 0:
		fmt.Fprint(os.Stderr, "there is no wall")
		return 1
	}
	inside := fmt.Sprintf("/proc/self/fd/%d/x", fdScratch)
	for what, err := range map[string]error{
		"read a file":          second(os.ReadFile("/etc/passwd")),
		"read a directory":     second(os.ReadDir("/")),
		"read its environment": second(os.ReadFile("/proc/self/environ")),
		"write a file":         os.WriteFile(os.TempDir()+"/curious", nil, 0o600),
		"start a program":      exec.Command("/bin/true").Run(),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			fmt.Fprintf(os.Stderr, "it could %s: %v; ", what, err)
		}
	}
	if err := errors.Join(os.WriteFile(inside, nil, 0o600), os.Remove(inside)); err != nil {
		return fail(err)
	}
	fmt.Fprint(os.Stderr, "it tried")
	return 1
}

func second[T any](_ T, err error) error { return err }

// load runs a module whose native code was made before, as a worker does: the module on its first
// descriptor, the code on its second, of a name that is its argument.
func load() int {
	wasm, err := readAll(os.NewFile(3, "module"))
	if err != nil {
		return fail(err)
	}
	dir, err := os.MkdirTemp("", "solti-load-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	at := filepath.Join(dir, os.Args[2])
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return fail(err)
	}
	if err := os.Symlink("/proc/self/fd/4", at); err != nil {
		return fail(err)
	}
	native, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return fail(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, guest.Config(wire.EngineCompiler, false, false).WithCompilationCache(native))
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	compiled, err := r.CompileModule(ctx, wasm)
	if err != nil {
		return fail(err)
	}
	if list, _ := os.ReadDir(filepath.Dir(at)); len(list) != 1 {
		return fail(fmt.Errorf("the module was compiled again: %v", list))
	}
	out := os.NewFile(5, "out")
	config := wazero.NewModuleConfig().WithStdout(out).WithStderr(out).WithArgs("guest")
	if _, err := r.InstantiateModule(ctx, compiled, config); err != nil {
		_, _ = io.WriteString(out, err.Error())
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
