package output

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// BenchmarkWrite writes frames of 32 KiB. The floors are the same bytes into one plain file that
// begins anew at the same cap, and into plain files of 1 MiB of which the last 64 are kept.
func BenchmarkWrite(b *testing.B) {
	data := make([]byte, maxData)
	b.Run("floor=rotated", func(b *testing.B) {
		dir := b.TempDir()
		name := func(n int) string { return filepath.Join(dir, fmt.Sprint(n)) }
		var f *os.File
		b.SetBytes(maxData)
		for i := 0; b.Loop(); i++ {
			if n := i / 32; i%32 == 0 {
				f.Close()
				os.Remove(name(n - 64))
				var err error
				if f, err = os.Create(name(n)); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := f.Write(data); err != nil {
				b.Fatal(err)
			}
		}
		f.Close()
	})
	b.Run("floor", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		b.SetBytes(maxData)
		for i := 0; b.Loop(); i++ {
			if _, err := f.WriteAt(data, int64(i)*maxData%(64<<20)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, followers := range []int{0, 1, 100} {
		b.Run(fmt.Sprintf("followers=%d", followers), func(b *testing.B) {
			s, _ := setup(b, Options{})
			k := newKey()
			w := create(b, s, k)
			var wg sync.WaitGroup
			for range followers {
				rd := s.Follow(k, nil, task.Cursor{}, Filter{Follow: true})
				wg.Go(func() {
					defer rd.Close()
					for {
						if _, err := rd.Next(context.Background()); err != nil {
							return
						}
					}
				})
			}
			b.SetBytes(maxData)
			at := int64(0)
			for b.Loop() {
				w.Write(task.Stdout, at, data, time.Now())
				at += maxData
			}
			b.StopTimer()
			w.Close()
			wg.Wait()
		})
	}
}

// BenchmarkRuns makes whole runs, with one line of output and with none.
func BenchmarkRuns(b *testing.B) {
	line := []byte("a line of output, as programs write it\n")
	for _, lines := range []int{0, 1} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			s, _ := setup(b, Options{})
			k := newKey()
			b.ReportAllocs()
			for b.Loop() {
				k.Attempt++
				w, err := s.Create(k, "bench-bench-1")
				if err != nil {
					b.Fatal(err)
				}
				if lines > 0 {
					w.Write(task.Stdout, 0, line, time.Now())
				}
				w.Close()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
		})
	}
}

// BenchmarkRead reads an ended run of 64 MiB from its files.
func BenchmarkRead(b *testing.B) {
	s, _ := setup(b, Options{RunCap: 128 << 20})
	k := newKey()
	w := create(b, s, k)
	for range 2048 {
		end, _ := w.Offsets()
		w.Write(task.Stdout, end, make([]byte, maxData), time.Now())
	}
	sum := w.Close()
	b.SetBytes(64 << 20)
	for b.Loop() {
		rd := s.Follow(k, sum.Ref, task.Cursor{}, Filter{})
		for {
			if _, err := rd.Next(context.Background()); err != nil {
				break
			}
		}
		rd.Close()
	}
}
