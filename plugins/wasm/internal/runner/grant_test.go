package runner

import (
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// tree makes directories with files in them, by path and content, and returns where they are, free of links.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func link(t *testing.T, to, at string) {
	t.Helper()
	_ = os.Remove(at)
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func mounts(list ...object) object { return object{"mounts": list} }

func TestMounts(t *testing.T) {
	dir := tree(t, map[string]string{"ro/text": "read me", "rw/text": "and me", "other/text": "secret"})
	s := newSubject(t, object{"mounts": []object{
		{"path": filepath.Join(dir, "ro")}, {"path": filepath.Join(dir, "rw"), "mode": "rw"},
	}})
	ro := object{"host": filepath.Join(dir, "ro"), "guest": "/in"}
	rw := object{"host": filepath.Join(dir, "rw"), "guest": "/out", "mode": "rw", "quota": "1MiB"}

	r := s.run(t, inline(cat("text", "text"), mounts(ro, rw)))
	r.succeeded(t, "read meand me")
	if got := r.fact("mounts"); !strings.Contains(got, "/in:ro") || !strings.Contains(got, "/out:rw:1MiB") {
		t.Errorf("recorded mounts are %q", got)
	}
	s.run(t, inline(create("new"), mounts(rw))).succeeded(t, "")
	if _, err := os.Stat(filepath.Join(dir, "rw/new")); err != nil {
		t.Error(err)
	}
	for _, spec := range []object{
		inline(create("new"), mounts(ro)), inline(cat("../other/text"), mounts(ro)), inline(cat("text")),
	} {
		r := s.run(t, spec)
		r.want(t, failed, false, "exit status")
	}
	if _, err := os.Stat(filepath.Join(dir, "ro/new")); err == nil {
		t.Error("a file was made in a directory that is mounted for reading")
	}
}

// What is granted is a directory, not its name.
func TestMountThatIsALinkElsewhere(t *testing.T) {
	dir := tree(t, map[string]string{"granted/a/text": "inside", "other/text": "outside"})
	s := newSubject(t, object{"mounts": []object{{"path": filepath.Join(dir, "granted")}}})
	at := filepath.Join(dir, "granted/link")
	h := s.build(t, inline(cat("text"), mounts(object{"host": at, "guest": "/in"})))

	h.run(t).want(t, startFailed, false, "mounts[0].host", "no such file")
	link(t, "a", at)
	h.run(t).succeeded(t, "inside")
	link(t, filepath.Join(dir, "other"), at)
	h.run(t).want(t, startFailed, true, "mounts[0].host", "is really "+filepath.Join(dir, "other"), "plugins.wasm.settings.mounts")
	link(t, "a/text", at)
	h.run(t).want(t, startFailed, false, "not a directory")
}

func TestListener(t *testing.T) {
	const settings = `{"listeners": {"web": "127.0.0.1:0"}}`
	s := newSubject(t, object{"listeners": object{"web": "127.0.0.1:0"}})
	// The same again keeps the socket, which could not be opened twice.
	before := s.runner.listeners["web"].file
	if err := s.runner.Configure(t.Context(), encode(t, with(object{"listeners": object{"web": "127.0.0.1:0"}}, s.settings()))); err != nil {
		t.Errorf("configure with %s again: %v", settings, err)
	}
	if s.runner.listeners["web"].file != before {
		t.Fatal("the listener was opened again")
	}
	l, err := net.FileListener(before)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	h := s.build(t, inline(answer("hi\n"), object{"listeners": []string{"web"}, "isolation": "reuse"}))
	for range 3 {
		r := h.start(t, nil)
		r.until(t, moduletest.Ready)
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(c)
		_ = c.Close()
		if string(text) != "hi\n" || err != nil {
			t.Errorf("got %q, %v", text, err)
		}
		r.finish(t).want(t, succeeded, false)
	}
}

func TestStdin(t *testing.T) {
	s := newSubject(t, nil)
	long := strings.Repeat("0123456789abcdef", 10_000)
	s.run(t, inline(moduletest.Cat(), object{"stdin": long})).succeeded(t, long)
	bytes := "\x00\xff\x80"
	s.run(t, inline(moduletest.Cat(), object{"stdinBase64": base64.StdEncoding.EncodeToString([]byte(bytes))})).succeeded(t, bytes)
	s.run(t, inline(moduletest.Cat())).succeeded(t, "")
	// Each attempt reads from the beginning, also in the same worker.
	h := s.build(t, inline(moduletest.Cat(), object{"stdin": "again", "isolation": "reuse"}))
	for range 3 {
		h.run(t).succeeded(t, "again")
	}
}

func TestEnvironmentHasThreeLayers(t *testing.T) {
	s := newSubject(t, nil)
	h, err := s.tryBuild(t, inline(moduletest.Environment(), object{"env": object{"A": "task", "B": "task", "C": "task"}}),
		map[string]string{"B": "operator", "C": "operator", "D": "operator"})
	if err != nil {
		t.Fatal(err)
	}
	h.run(t).succeeded(t, "A=task\x00B=operator\x00C=operator\x00D=operator\x00")
	attempt := func(env map[string]string) *record {
		return h.start(t, func(_ *record, req *pluginv1.RunTaskRequest) { req.Env = env }).finish(t)
	}
	attempt(map[string]string{"C": "attempt", "E": "attempt"}).
		succeeded(t, "A=task\x00B=operator\x00C=attempt\x00D=operator\x00E=attempt\x00")
	attempt(map[string]string{"A=B": ""}).want(t, startFailed, false, "A=B")
	attempt(map[string]string{"E": strings.Repeat("x", 200<<10)}).want(t, startFailed, false, "bytes together")
	if _, err := s.tryBuild(t, inline(moduletest.Environment()), map[string]string{"A": "\x00"}); err == nil {
		t.Error("a variable with a NUL byte was taken from the operator")
	}
	s.run(t, inline(moduletest.Arguments(), object{"args": []string{"", "b c"}})).succeeded(t, "guest\x00\x00b c\x00")
}

func TestSeededIsTheSameEveryTime(t *testing.T) {
	s := newSubject(t, nil)
	seeded := func(seed, isolation string) string {
		r := s.run(t, inline(dice(), object{"random": "seeded", "seed": seed, "clock": "none", "isolation": isolation}))
		r.want(t, succeeded, false)
		return r.output()
	}
	one := seeded("one", "process")
	if len(one) != 16 || one != seeded("one", "process") || one != seeded("one", "reuse") {
		t.Error("the same seed gives different numbers")
	}
	if one == seeded("two", "process") {
		t.Error("different seeds give the same numbers")
	}
	a, b := s.run(t, inline(dice())), s.run(t, inline(dice()))
	if a.output() == b.output() {
		t.Error("numbers that are not seeded are the same twice")
	}
}

// settings returns what every subject is given.
func (s *subject) settings() object {
	if proctest.Raced {
		return object{"compile": object{"memory": "1024GiB"}}
	}
	return object{}
}
