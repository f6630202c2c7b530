package main

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
)

const (
	bystanders = 20                    // tasks that go on while others are stopped
	breath     = 20 * time.Millisecond // between two attempts of one of them
)

// others times attempts of hello of tasks that nobody stops: while nothing else goes on, while a native program is
// started and killed again and again, and while guests are that go on in every way there is.
func (k *kit) others(shapes []*image) error {
	b := k.binaries[0]
	calm, storm := pool.New(b.spawner, pool.Options{}), pool.New(b.spawner, pool.Options{})
	defer calm.Close()
	defer storm.Close()
	kinds := []struct {
		name string
		do   func() error
	}{
		{"nothing is stopped", func() error { time.Sleep(time.Duration(k.size(1000, 50)) * time.Millisecond); return nil }},
		{"a native program is", func() error {
			for range shapes {
				if _, err := k.killNative(k.spin); err != nil {
					return err
				}
			}
			return nil
		}},
		{"guests are, one of each shape", func() error {
			for _, i := range shapes {
				if _, err := k.killGuest(storm, i); err != nil {
					return err
				}
			}
			return nil
		}},
	}
	took := make([][]time.Duration, len(kinds))
	for range k.size(10, 1) {
		for i, kind := range kinds {
			d, err := k.beside(calm, kind.do)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			took[i] = append(took[i], d...)
		}
	}
	k.table(fmt.Sprintf("attempts of hello of %d other tasks, in reused workers, in ms, while", bystanders),
		"what", "p50", "p99", "max", "p50 ratio", "p99 ratio")
	for i, kind := range kinds {
		k.row(kind.name, millis(took[i], 0.5), millis(took[i], 0.99), millis(took[i], 1),
			millis(took[i], 0.5)/millis(took[0], 0.5), millis(took[i], 0.99)/millis(took[0], 0.99))
	}
	return nil
}

// beside returns how long attempts took that were made while do went on.
func (k *kit) beside(p *pool.Pool, do func() error) (all []time.Duration, err error) {
	var mu sync.Mutex // guards all and failed
	var failed error
	var tasks sync.WaitGroup
	over := make(chan struct{})
	for n := range bystanders {
		tasks.Go(func() {
			took, err := k.answer(p, "task "+strconv.Itoa(n), over)
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, took...), errors.Join(failed, err)
		})
	}
	err = do()
	close(over)
	tasks.Wait()
	return all, errors.Join(err, failed)
}

// answer makes attempts of one task until it is over, at least one, of which the first starts the worker and
// is not timed.
func (k *kit) answer(p *pool.Pool, lease string, over <-chan struct{}) (took []time.Duration, err error) {
	if _, err := one(k, p, k.binaries[0].hello, lease); err != nil {
		return nil, err
	}
	for {
		began := time.Now()
		if _, err := one(k, p, k.binaries[0].hello, lease); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		select {
		case <-over:
			return took, nil
		case <-time.After(breath):
		}
	}
}
