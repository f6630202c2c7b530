package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/soltihq/solti-host/host/client"
)

// latency compares one task at a time with one os/exec at a time, in turns.
func latency(ctx context.Context, b *bench) error {
	return b.withHost(ctx, func(h *server) error { return b.latency(ctx, h) })
}

func (b *bench) latency(ctx context.Context, h *server) error {
	if err := h.work(ctx, 50, "warm", trueTask); err != nil {
		return err
	}
	var peer, disk, accepted, over []time.Duration
	for i := range b.size(500, 30) {
		began := time.Now()
		if err := exec.Command("/bin/true").Run(); err != nil {
			return err
		}
		peer = append(peer, time.Since(began))
		d, err := fsync(filepath.Dir(h.dir))
		if err != nil {
			return err
		}
		disk = append(disk, d)
		began = time.Now()
		t, err := h.client.Create(ctx, trueTask(fmt.Sprintf("one-%d", i)), client.CreateOptions{})
		if err != nil {
			return err
		}
		accepted = append(accepted, time.Since(began))
		if _, err := h.client.Wait(ctx, t.Metadata.Name, t.Metadata.UID); err != nil {
			return err
		}
		over = append(over, time.Since(began))
	}
	t := b.report.table("one task at a time, in ms", "what", "p50", "p90", "p99", "p50 ratio")
	base := quantile(peer, 0.5)
	for _, r := range []struct {
		name string
		took []time.Duration
	}{
		{"os/exec of /bin/true", peer}, {"fsync of 16 KiB", disk},
		{"submit to accepted", accepted}, {"submit to finished", over},
	} {
		p50 := quantile(r.took, 0.5)
		t.row(r.name, p50, quantile(r.took, 0.9), quantile(r.took, 0.99), p50/base)
	}
	return nil
}

// fsync writes a commit's worth to a file of its own and returns how long that took.
func fsync(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "fsync")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 16<<10)
	if _, err := f.WriteAt(page, 0); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil { // the file's size is on disk now; what is timed writes over it
		return 0, err
	}
	page[0] = 1
	began := time.Now()
	if _, err := f.WriteAt(page, 0); err != nil {
		return 0, err
	}
	err = f.Sync()
	return time.Since(began), err
}

// quantile returns the q-quantile in milliseconds.
func quantile(took []time.Duration, q float64) float64 {
	if len(took) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(took))
	return float64(s[int(q*float64(len(s)-1))]) / float64(time.Millisecond)
}
