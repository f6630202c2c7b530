package process

import (
	"context"
	"io"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// parallel is how many commands are under way per processor: enough that more does not help.
const parallel = 8

// BenchmarkExec is what BenchmarkAttempt is to be compared with: the same program, run as simply as Go
// can, without output, environment, tree or stop.
func BenchmarkExec(b *testing.B) {
	benchmark(b, func() {
		if err := exec.CommandContext(context.Background(), "/bin/true").Run(); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkAttempt runs a whole attempt through the engine.
func BenchmarkAttempt(b *testing.B) {
	eachMode(b, func(b *testing.B, e *Engine) {
		env := []string{EnvRunID + "=bench"}
		benchmark(b, func() {
			cmd := &Command{Name: "/bin/true", Env: env, Stdout: io.Discard, Stderr: io.Discard}
			if exit, err := e.Run(context.Background(), cmd); err != nil || exit.Code != 0 {
				b.Error(exit, err)
			}
		})
	})
}

// BenchmarkOutput is the throughput of one attempt's output.
func BenchmarkOutput(b *testing.B) {
	eachMode(b, func(b *testing.B, e *Engine) {
		const size = 64 << 20
		b.SetBytes(size)
		for b.Loop() {
			cmd := &Command{
				Name: "/usr/bin/head", Args: []string{"-c", "67108864", "/dev/zero"},
				Stdout: io.Discard, Stderr: io.Discard,
			}
			if exit, err := e.Run(context.Background(), cmd); err != nil || exit.Code != 0 {
				b.Error(exit, err)
			}
		}
	})
}

func benchmark(b *testing.B, f func()) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(parallel)
	before := cpuTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f()
		}
	})
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

// cpuTime is what this process and its children have used, which tells more than the clock does where
// others use the machine too.
func cpuTime() time.Duration {
	var total time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if unix.Getrusage(who, &usage) == nil {
			total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		}
	}
	return total
}
