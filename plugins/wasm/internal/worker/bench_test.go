package worker_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fsys"
	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// median reports the middle of some durations, and what nine in ten do not exceed.
func median(b *testing.B, took []time.Duration, unit string) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-"+unit)
	b.ReportMetric(float64(took[len(took)*9/10].Microseconds()), "p90-"+unit)
}

// BenchmarkFresh is an attempt in a worker that waits for it: from the job's message to the reaped process,
// beside a native program from fork to reaped.
func BenchmarkFresh(b *testing.B) {
	i := compiled(b, moduletest.Hello("hello\n"))
	native := nativeHello(b)
	var fresh, spawned, ready []time.Duration
	for b.Loop() {
		s := start(b)
		r, err := s.Load(b.Context(), i.load(wire.Load{NoMounts: true}))
		if err != nil {
			b.Fatal(err)
		}
		ready = append(ready, r.Took)
		begin := time.Now()
		status, err := s.Run(wire.Job{Args: []string{"hello"}, Last: true}, &record{}, wire.Limit{})
		err = errors.Join(err, s.cmd.Wait())
		fresh = append(fresh, time.Since(begin))
		if err != nil || status.Code != 0 {
			b.Fatal(status, err)
		}
		s.Close()

		begin = time.Now()
		if out, err := exec.Command(native).Output(); err != nil || string(out) != "hello\n" {
			b.Fatal(err, out)
		}
		spawned = append(spawned, time.Since(begin))
	}
	median(b, fresh, "fresh-us")
	median(b, spawned, "native-us")
	median(b, ready, "load-us")
}

// BenchmarkReused is an attempt in a worker that had others before, beside one in this process.
func BenchmarkReused(b *testing.B) {
	wasm := moduletest.Hello("hello\n")
	s := loaded(b, compiled(b, wasm).load(wire.Load{NoMounts: true}))
	here, err := guest.Load(b.Context(), guest.Source{Wasm: wasm, Pages: 4096})
	if err != nil {
		b.Fatal(err)
	}
	tree, err := fsys.New(nil, fsys.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var reused, within []time.Duration
	var cpu time.Duration
	for b.Loop() {
		begin := time.Now()
		if _, err := s.Run(wire.Job{Args: []string{"hello"}}, &discard{}, wire.Limit{}); err != nil {
			b.Fatal(err)
		}
		reused = append(reused, time.Since(begin))
		cpu += s.Usage().CPU
		begin = time.Now()
		here.Run("", wasi.Options{Stdin: -1, Tree: tree, Output: func(int, []byte) error { return nil }})
		within = append(within, time.Since(begin))
	}
	median(b, reused, "reused-us")
	median(b, within, "in-process-us")
	b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "worker-cpu-us")
}

// BenchmarkOutput is what a guest that only writes gets out, 64 KiB at a time.
func BenchmarkOutput(b *testing.B) {
	s := loaded(b, compiled(b, moduletest.OutputFlood()).load(wire.Load{NoMounts: true}))
	const size = 256 << 20
	b.SetBytes(size)
	for b.Loop() {
		out := &discard{}
		if _, err := s.Run(wire.Job{}, out, wire.Limit{Bytes: size, Over: wire.Kill}); !errors.Is(err, wire.ErrOutputLimit) {
			b.Fatal(err)
		}
		b.StopTimer()
		s.kill()
		s = loaded(b, compiled(b, moduletest.OutputFlood()).load(wire.Load{NoMounts: true}))
		b.StartTimer()
	}
}

type discard struct{ n int64 }

func (d *discard) Output(_ wire.Stream, p []byte) { d.n += int64(len(p)) }
func (d *discard) Gap(wire.Stream, int64)         {}

// nativeHello compiles a C program that says hello.
func nativeHello(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	source, path := filepath.Join(dir, "hello.c"), filepath.Join(dir, "hello")
	if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("cc", "-O2", "-o", path, source).CombinedOutput(); err != nil {
		b.Skipf("no C compiler: %v %s", err, out)
	}
	return path
}
