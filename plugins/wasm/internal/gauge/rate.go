package main

import (
	"cmp"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
)

// A rate is what was done per second, and what one cost.
type rate struct {
	perSecond     float64
	own, children float64 // processor time each, in microseconds
}

// throughput does something n times, so many at a time.
func throughput(n, atOnce int, do func() error) (rate, error) {
	var left atomic.Int64
	left.Store(int64(n))
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	own, children := cpu()
	began := time.Now()
	for range atOnce {
		wg.Go(func() {
			for failed.Load() == nil && left.Add(-1) >= 0 {
				if err := do(); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if err := failed.Load(); err != nil {
		return rate{}, *err
	}
	own2, children2 := cpu()
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	return rate{float64(n) / took.Seconds(), each(own2 - own), each(children2 - children)}, nil
}

// rates compares fresh attempts, with all that it takes to start their workers, to starts of a native
// program, both at their best concurrency.
func rates(k *kit) error {
	k.table("fresh attempts of hello, start of the worker included; CPU in us each",
		"round", "native /s", "native CPU", "fresh /s", "ratio", "own CPU", "worker CPU", "plugin's binary /s", "ratio ", "own CPU ", "worker CPU ")
	n := k.size(1000, 40)
	for round := range cmp.Or(k.rounds, k.size(5, 1)) {
		native, err := best(n, k.nativeHello)
		if err != nil {
			return err
		}
		cells := []any{fmt.Sprint(round + 1), native.perSecond, native.own + native.children}
		for _, b := range k.binaries {
			p := pool.New(b.spawner, pool.Options{Warm: 2})
			r, err := best(n, func() error { return second(one(k, p, b.hello, "")) })
			p.Close()
			if err != nil {
				return err
			}
			cells = append(cells, r.perSecond, r.perSecond/native.perSecond, r.own, r.children)
		}
		for len(cells) < 11 {
			cells = append(cells, nil)
		}
		k.row(cells...)
	}
	return nil
}

// best returns the best of 2 and 4 at a time.
func best(n int, do func() error) (rate, error) {
	two, err := throughput(n, 2, do)
	if err != nil {
		return rate{}, err
	}
	four, err := throughput(n, 4, do)
	if four.perSecond > two.perSecond {
		return four, err
	}
	return two, err
}
