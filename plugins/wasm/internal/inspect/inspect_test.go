package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// roomy are settings that leave a child with the race detector enough memory.
const roomy = `{"compile": {"memory": 1099511627776}}`

// bundle is one call of Main.
type bundle struct {
	code      int
	out, errs string
}

func invoke(t *testing.T, ctx context.Context, settings string, args ...string) bundle {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out, errs bytes.Buffer
	code := Main(ctx, append([]string{"--settings", "-"}, args...), strings.NewReader(settings), &out, &errs)
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left in the place for temporary files: %v, %v", left, err)
	}
	return bundle{code, out.String(), errs.String()}
}

func report(t *testing.T, b bundle) (r Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(b.out), &r); err != nil {
		t.Fatalf("%v: %q, %q", err, b.out, b.errs)
	}
	return r
}

func file(t *testing.T, wasm []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.wasm")
	if err := os.WriteFile(path, wasm, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestATakenModuleIsToldWhole(t *testing.T) {
	path := file(t, moduletest.Hello("hello\n"))
	got := invoke(t, t.Context(), roomy, path, "-o", "json", "--compile")
	r := report(t, got)
	if got.code != exitTaken || !r.Taken || r.Format != AModule || len(r.Reasons) > 0 || !strings.HasPrefix(r.Digest, "sha256:") {
		t.Errorf("code %d, %+v, %s", got.code, r, got.errs)
	}
	c := r.Contents
	if len(c.Imports) != 1 || !c.Imports[0].Offered || c.Imports[0].Name != "fd_write" || c.Functions != 1 || c.Largest.Name != "_start" {
		t.Errorf("contents %+v", c)
	}
	if !slices.ContainsFunc(c.Sections, func(s Section) bool { return s.Name == "code" && s.Bytes > c.Largest.Bytes }) {
		t.Errorf("sections %+v", c.Sections)
	}
	if r.Compiled == nil || r.Compiled.NativeBytes == 0 || r.Derived == nil || r.Rules.EntryPoint != "_start" {
		t.Errorf("derived %+v, compiled %+v, rules %+v", r.Derived, r.Compiled, r.Rules)
	}
	text := invoke(t, t.Context(), roomy, path)
	for _, want := range []string{"Taken:      yes, unless", "func wasi_snapshot_preview1.fd_write (i32, i32, i32, i32) -> i32", "func _start ()", "64 KiB"} {
		if !strings.Contains(text.out, want) {
			t.Errorf("the text lacks %q:\n%s", want, text.out)
		}
	}
}

func TestEveryReasonIsToldAtOnce(t *testing.T) {
	m := new(moduletest.Module)
	m.Import("env", "emscripten_\x1b[31mred", nil, nil)
	m.Memory(moduletest.Limits{Min: 5000})
	m.Export("main", m.Func(nil, nil, nil, moduletest.Nop))
	path := file(t, m.Bytes())
	got := invoke(t, t.Context(), roomy, "-o", "json", path, "--features", "tailCall")
	r := report(t, got)
	if got.code != exitRefused || r.Taken || r.Contents == nil || len(r.Contents.Imports) != 1 || r.Contents.Imports[0].Offered {
		t.Fatalf("code %d: %+v", got.code, r)
	}
	for _, want := range []string{"Emscripten", "limits.memory", "_start", "plugins.wasm.settings.features"} {
		if !strings.Contains(strings.Join(r.Reasons, "\n"), want) {
			t.Errorf("no reason has %q: %q", want, r.Reasons)
		}
	}
	if r := report(t, invoke(t, t.Context(), roomy, "-o", "json", path, "--entry", "main", "--memory", "400MiB")); len(r.Reasons) != 1 {
		t.Errorf("with an entry point and memory: %q", r.Reasons)
	}
	text := invoke(t, t.Context(), roomy, path)
	if strings.Contains(text.out, "\x1b") || !strings.Contains(text.out, "Because:") {
		t.Errorf("text %q", text.out)
	}
}

func TestWhatIsNoModuleIsToldToo(t *testing.T) {
	for content, want := range map[string]string{
		"":                                "it is empty",
		"\x7fELF...":                      "native Linux program",
		"(module)":                        "wat2wasm",
		"\x00asm\x0d\x00\x01\x00":         "is a component",
		"\x00asm\x01\x00\x00\x00\x01\xff": "malformed",
	} {
		got := invoke(t, t.Context(), roomy, "-o", "json", file(t, []byte(content)))
		if r := report(t, got); got.code != exitRefused || r.Contents != nil || !strings.Contains(strings.Join(r.Reasons, "\n"), want) {
			t.Errorf("%q: code %d, %+v, want a reason that has %q", content, got.code, r, want)
		}
	}
}

// What is invalid shows only when it is compiled.
func TestCompilingTellsWhatIsInvalid(t *testing.T) {
	m := new(moduletest.Module)
	m.Export("_start", m.Func(nil, nil, nil, moduletest.Drop))
	path := file(t, m.Bytes())
	if got := invoke(t, t.Context(), roomy, path); got.code != exitTaken {
		t.Errorf("without compiling: code %d\n%s%s", got.code, got.out, got.errs)
	}
	if got := invoke(t, t.Context(), roomy, path, "--compile"); got.code != exitRefused || !strings.Contains(got.out, "is not valid") {
		t.Errorf("with compiling: code %d\n%s%s", got.code, got.out, got.errs)
	}
}

func TestMisuseIsToldSo(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	good := file(t, moduletest.Hello("x"))
	for want, args := range map[string][]string{
		"FILE is missing":    {},
		"one file":           {good, good},
		"not json":           {good, "-o", "xml"},
		"no such file":       {filepath.Join(dir, "none")},
		"limits.memory":      {good, "--memory", "1"},
		"features[0]":        {good, "--features", "threads"},
		"not defined: -fuel": {good, "--fuel"},
	} {
		got := invoke(t, t.Context(), roomy, args...)
		if got.code != exitMisuse || !strings.Contains(got.errs, want) || got.out != "" {
			t.Errorf("%q: code %d, %q, %q", args, got.code, got.out, got.errs)
		}
	}
	if got := invoke(t, t.Context(), roomy, fifo); got.code == exitTaken || !strings.Contains(got.errs, "regular file") {
		t.Errorf("a fifo: %+v", got)
	}
	if got := invoke(t, t.Context(), `{"fuel": 1}`, good); got.code != exitMisuse || !strings.Contains(got.errs, "fuel: unknown field") {
		t.Errorf("wrong settings: %+v", got)
	}
	if got := invoke(t, t.Context(), roomy, "--help"); got.code != exitTaken || !strings.Contains(got.errs, "exit code is 0 if it would") {
		t.Errorf("help: %+v", got)
	}
}

func TestInterruptedInspectionLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := invoke(t, ctx, roomy, file(t, moduletest.BranchBomb(8000)), "--compile"); got.code != exitUnknown || !strings.Contains(got.errs, "canceled") {
		t.Errorf("got %+v", got)
	}
}
