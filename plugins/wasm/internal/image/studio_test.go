package image

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

func open(t *testing.T, dir string) *Studio {
	t.Helper()
	spawner, err := spawn.New(2)
	if err != nil {
		t.Fatal(err)
	}
	s := settings.Default()
	s.Compile.Memory = 1 << 40 // for the race detector
	studio, err := Open(dir, s, spawner, nil, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(studio.Close(), spawner.Close()); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return studio
}

func parse(t *testing.T, spec map[string]any) *workload.Workload {
	t.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	w, err := workload.Parse(&sdk.Spec{APIVersion: workload.APIVersion, Kind: workload.Kind, Raw: raw})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func inline(t *testing.T, wasm []byte) *workload.Workload {
	return parse(t, map[string]any{"module": map[string]string{"inline": base64.StdEncoding.EncodeToString(wasm)}})
}

func (s *Studio) must(t *testing.T, w *workload.Workload, want From) *Image {
	t.Helper()
	i, from, err := s.Image(t.Context(), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if from != want {
		t.Errorf("the image is from %s, want %s", from, want)
	}
	for _, f := range []*os.File{i.load.Module, i.load.Native, i.load.Shell} {
		if f != nil && !memfile.Sealed(f) {
			t.Error("its files can be changed")
		}
	}
	if (i.load.Native == nil) != (i.load.Shell == nil) {
		t.Errorf("native code %v, shell %v", i.load.Native, i.load.Shell)
	}
	return i
}

func TestSourcesOfModules(t *testing.T) {
	s := open(t, t.TempDir())
	wasm := moduletest.Hello("hello")
	digest := string(content.Of(wasm))
	path := filepath.Join(t.TempDir(), "hello.wasm")
	if err := os.WriteFile(path, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	module := func(m map[string]any) *workload.Workload { return parse(t, map[string]any{"module": m}) }
	hash := strings.TrimPrefix(digest, "sha256:")

	if _, _, err := s.Image(t.Context(), module(map[string]any{"digest": digest}), nil); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("a module that is not there: %v", err)
	}
	first := s.must(t, module(map[string]any{"path": path, "sha256": hash}), FromCompiler)
	defer first.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]any{{"path": path, "sha256": hash}, {"digest": digest}, {"inline": base64.StdEncoding.EncodeToString(wasm)}} {
		i := s.must(t, module(m), FromMemory)
		if i != first {
			t.Error("the same module is another image")
		}
		i.Close()
	}
	var refused *RefusedError
	wrong := module(map[string]any{"path": "/proc/self/exe", "sha256": hash[1:] + "0"})
	if _, _, err := s.Image(t.Context(), wrong, nil); err == nil {
		t.Error("a file that is no module was taken")
	}
	if err := os.WriteFile(path, moduletest.Hello("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := module(map[string]any{"path": path, "sha256": hash[1:] + "0"})
	if _, _, err := s.Image(t.Context(), changed, nil); !errors.As(err, &refused) {
		t.Errorf("a module with another hash: %v", err)
	}
}

func TestCodeThatWasTamperedWithIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	w := inline(t, moduletest.Hello("hello"))
	s := open(t, dir)
	s.must(t, w, FromCompiler).Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "cache", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files of the cache: %v, %v", files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	s.must(t, w, FromCompiler).Close()
	if stats, _ := s.Stats(); stats.Corrupt == 0 {
		t.Errorf("the cache says %+v", stats)
	}
}

// What differs between workers is another image; what does not is none.
func TestImagesDifferByWhatWorkersDependOn(t *testing.T) {
	s := open(t, t.TempDir())
	wasm := base64.StdEncoding.EncodeToString(moduletest.Hello("hello"))
	keys := make(map[string]string)
	for name, more := range map[string]map[string]any{
		"plain":  {},
		"memory": {"limits": map[string]any{"memory": "1MiB"}},
		"files":  {"limits": map[string]any{"openFiles": 1000}},
		"debug":  {"debug": "lines"},
		"mounts": {"mounts": []map[string]any{{"host": "/srv", "guest": "/srv"}}},
	} {
		more["module"] = map[string]string{"inline": wasm}
		w := parse(t, more)
		i, _, err := s.Image(t.Context(), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if had, ok := keys[i.Key()]; ok {
			t.Errorf("%s and %s have one key, %s", had, name, i.Key())
		}
		keys[i.Key()] = name
		if want := uint32(w.Limits.OpenFiles); i.load.OpenFiles < want+2*32 {
			t.Errorf("%s: workers may have %d descriptors, and guests %d", name, i.load.OpenFiles, want)
		}
		i.Close()
	}
	same := parse(t, map[string]any{"module": map[string]string{"inline": wasm}, "args": []string{"x"}, "stdin": "y"})
	s.must(t, same, FromMemory).Close()
}
