package process

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
)

func BenchmarkExec(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := exec.CommandContext(context.Background(), "/bin/true").Run(); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkAttempt(b *testing.B) {
	lockedSpawner = os.Getenv("UNLOCKED") == ""
	for _, mode := range []Mode{Group, Cgroup} {
		b.Run(string(mode), func(b *testing.B) {
			dir := ""
			if mode == Cgroup {
				dir = "/sys/fs/cgroup/unified/zsb"
				os.Mkdir(dir, 0o755)
				defer os.Remove(dir)
			}
			e, err := New(Options{Mode: mode, CgroupDir: dir})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					cmd := &Command{Name: "/bin/true", Env: []string{"SOLTI_RUN_ID=x"}, Stdout: io.Discard, Stderr: io.Discard}
					exit, err := e.Run(context.Background(), cmd)
					if err != nil || exit.Code != 0 {
						b.Error(exit, err)
					}
				}
			})
		})
	}
}
