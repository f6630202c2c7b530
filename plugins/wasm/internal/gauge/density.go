package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// density tells what attempts cost that sleep, many at a time, and how long it takes to end them all.
func density(k *kit) error {
	n := k.size(100, 4)
	k.table(fmt.Sprintf("%d attempts that sleep", n), "binary of the workers", "PSS MiB each", "RSS MiB each", "own MiB each", "end of all ms")
	for _, b := range k.binaries {
		i, err := k.image(b, moduletest.Sleep())
		if err != nil {
			return err
		}
		if err := k.sleepers(b, i, n); err != nil {
			return err
		}
	}
	return nil
}

func (k *kit) sleepers(b *binary, i *image, n int) error {
	p := pool.New(b.spawner, pool.Options{})
	defer p.Close()
	var workers []*pool.Worker
	var over sync.WaitGroup
	defer over.Wait()
	defer func() {
		for _, w := range workers {
			w.Kill()
		}
	}()
	for range n {
		w, err := p.Take(k.ctx, i, "")
		if err != nil {
			return err
		}
		workers = append(workers, w)
		out := &sink{first: make(chan struct{})}
		over.Go(func() { _, _, _ = w.Run(wire.Job{Args: []string{"guest"}, Last: true}, out, wire.Limit{}) })
		select {
		case <-out.first:
		case <-time.After(time.Minute):
			return errors.New("a guest does not begin")
		}
	}
	time.Sleep(time.Duration(k.size(500, 10)) * time.Millisecond)
	var sums [3]float64
	for _, w := range workers {
		m := memory(w.PID())
		sums[0] += m["Pss"]
		sums[1] += m["Rss"]
		sums[2] += m["Private_Clean"] + m["Private_Dirty"]
	}
	began := time.Now()
	for _, w := range workers {
		w.Kill()
	}
	over.Wait()
	all := float64(n)
	k.row(b.name, sums[0]/all, sums[1]/all, sums[2]/all, float64(time.Since(began))/1e6)
	return nil
}

func pss(pid int) float64 { return memory(pid)["Pss"] }

// memory returns what the kernel says of a process's memory, in MiB.
func memory(pid int) map[string]float64 {
	m := map[string]float64{}
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, rest, _ := strings.Cut(s.Text(), ":")
		kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
		if err == nil {
			m[name] = kib / 1024
		}
	}
	return m
}
