package worker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

func directory(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestGoProgram runs what Go's own library does with WASI: files, directories, time, stdin, panics. The
// checks are in the program.
func TestGoProgram(t *testing.T) {
	if proctest.Raced {
		t.Skip("compiling takes a minute with the race detector")
	}
	within(t)
	i := compiled(t, proctest.GoModule(t, "./testdata/probe", "-ldflags=-s -w"))
	t.Run("files", func(t *testing.T) { goFiles(t, i) })
	t.Run("same job, same bytes", func(t *testing.T) { goSameBytes(t, i) })
}

func goFiles(t *testing.T, i image) {
	s := loaded(t, i.load(wire.Load{}))
	t.Logf("loaded in %v, Landlock %d", s.ready.Took, s.ready.Landlock)
	readable, writable := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(readable, "greeting"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(readable, "secret")); err != nil {
		t.Fatal(err)
	}
	job := wire.Job{
		Args: []string{"probe", "files"}, Env: []string{"KEY=value"}, Stdin: sealed(t, []byte("from stdin")),
		Mounts: []wire.Mount{
			{Guest: "/in", Dir: directory(t, readable)},
			{Guest: "/out", Dir: directory(t, writable), Writable: true, Quota: 1 << 20},
		},
	}
	for range 2 {
		out := &record{}
		begin := time.Now()
		status, err := s.Run(job, out, wire.Limit{})
		if err != nil || status.End != wire.Exited || status.Code != 0 {
			t.Fatalf("status %+v, %v\n%s%s%s", status, err, &out.out[1], &out.out[2], &s.stderr)
		}
		t.Logf("ran in %v: %+v, %+v", time.Since(begin), status, s.Usage())
		job.Stdin = sealed(t, []byte("from stdin"))
	}
	if b, err := os.ReadFile(filepath.Join(writable, "result")); string(b) != "done" {
		t.Errorf("the program's file has %q, %v", b, err)
	}
	out := &record{}
	status, err := s.Run(wire.Job{Args: []string{"probe", "panic"}}, out, wire.Limit{})
	if err != nil || status.End != wire.Exited || status.Code != 2 || out.out[2].Len() == 0 {
		t.Errorf("status %+v, %v, stderr %q; want exit 2 and a panic's text", status, err, &out.out[2])
	}
}

// goSameBytes runs a program twice without clock and chance.
func goSameBytes(t *testing.T, i image) {
	var outputs [2]string
	for k := range outputs {
		s := loaded(t, i.load(wire.Load{NoMounts: true}))
		out := &record{}
		begin := time.Now()
		status, err := s.Run(wire.Job{Args: []string{"probe", "chance"}, Clock: wire.ClockNone, Seeded: true}, out, wire.Limit{})
		if err != nil || status.Code != 0 {
			t.Fatalf("status %+v, %v\n%s", status, err, &out.out[2])
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("took %v: an hour of sleep took time", took)
		}
		outputs[k] = out.out[1].String()
	}
	if outputs[0] != outputs[1] || outputs[0] == "" {
		t.Errorf("outputs differ or are empty:\n%s\n%s", outputs[0], outputs[1])
	}
}
