package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// An instantHost stores nothing and answers at once.
type instantHost struct{ *fakeHost }

func (h instantHost) Create(_ context.Context, t *task.Task, _ CreateOptions) (*task.Task, error) {
	c := *t
	c.Metadata.UID, c.Metadata.Generation, c.Metadata.ResourceVersion = task.NewUID(time.Unix(0, 0)), 1, "e.1"
	c.Metadata.CreationTimestamp = time.Unix(1700000000, 0).UTC()
	c.Status = task.Status{ObservedGeneration: 1, Phase: task.Pending}
	return &c, nil
}

// BenchmarkCreate submits small tasks over a Unix socket; cpu-us/op is what client and server spend
// together, the kernel's part included.
func BenchmarkCreate(b *testing.B) {
	host := instantHost{newFakeHost()}
	s := New(Backend{Tasks: host, Plugins: host, Health: host}, Options{})
	dir := b.TempDir()
	if err := s.ServeUnix(dir + "/s"); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Shutdown(context.Background()) }()
	bundle := &bundle{socket: dir + "/s"}
	client := bundle.client(b)
	post := func() {
		req, err := http.NewRequest(http.MethodPost, "http://localhost"+pathTasks, strings.NewReader(goodTask))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			b.Fatal(resp.Status)
		}
	}
	post()
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			post()
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEvents is the output of one task to one follower, in bytes of output.
func BenchmarkEvents(b *testing.B) {
	benchmarkOutput(b, mediaEvents)
}

// BenchmarkRaw is the same as raw bytes.
func BenchmarkRaw(b *testing.B) {
	benchmarkOutput(b, "")
}

func benchmarkOutput(b *testing.B, accept string) {
	host := newFakeHost()
	s := New(Backend{Tasks: host, Plugins: host, Health: host}, Options{})
	dir := b.TempDir()
	if err := s.ServeUnix(dir + "/s"); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Shutdown(context.Background()) }()
	bundle := &bundle{socket: dir + "/s", host: host}
	_, out := bundle.running(b)
	piece := strings.Repeat("x", 32<<10)
	for range 1000 {
		out.add(stdout(piece))
	}
	out.finish()
	client := bundle.client(b)
	b.SetBytes(1000 * int64(len(piece)))
	for b.Loop() {
		req, err := http.NewRequest(http.MethodGet, "http://localhost"+goodOutput, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
}
