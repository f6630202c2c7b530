package main

import (
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

// attempts compares single attempts of hello with single starts of a native hello. Workers wait before, as
// they do in the plugin, and nothing is started in advance while something is timed.
func attempts(k *kit) error {
	kinds := []kind{
		{"native " + k.native + " hello, output to /dev/null", k.nativeHello, nil},
		{"native " + k.native + " hello, os/exec with output", k.nativeOutput, nil},
	}
	for _, b := range k.binaries {
		p := pool.New(b.spawner, pool.Options{Warm: 1})
		defer p.Close()
		kinds = append(kinds, kind{
			"fresh worker of the " + b.name + "'s binary",
			func() error { return second(one(k, p, b.hello, "")) },
			func() error { return rested(k, p, 1) },
		})
		if _, err := one(k, p, b.hello, ""); err != nil {
			return err
		}
	}
	b := k.binaries[0]
	p := pool.New(b.spawner, pool.Options{})
	defer p.Close()
	kinds = append(kinds, kind{"reused worker", func() error { return second(one(k, p, b.hello, "lease")) }, nil})
	took, err := inTurns(kinds, k.size(400, 10))
	if err != nil {
		return err
	}
	k.table("one attempt of hello at a time, in ms", "what", "p50", "p90", "p99", "p50 ratio")
	for i, kind := range kinds {
		k.row(kind.name, millis(took[i], 0.5), millis(took[i], 0.9), millis(took[i], 0.99), millis(took[i], 0.5)/millis(took[0], 0.5))
	}
	return nil
}

// A kind is something that is timed.
type kind struct {
	name   string
	run    func() error
	before func() error // not timed; may be nil
}

// inTurns runs every kind so many times, one after the other again and again, and returns how long each took.
func inTurns(kinds []kind, times int) ([][]time.Duration, error) {
	took := make([][]time.Duration, len(kinds))
	for range times {
		for i, kind := range kinds {
			if kind.before != nil {
				if err := kind.before(); err != nil {
					return nil, fmt.Errorf("%s: %w", kind.name, err)
				}
			}
			began := time.Now()
			if err := kind.run(); err != nil {
				return nil, fmt.Errorf("%s: %w", kind.name, err)
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	return took, nil
}

func second[T any](_ T, err error) error { return err }

// nativeHello starts the native program as workers are started, and waits for it. That is the least there is.
func (k *kit) nativeHello() error {
	p, err := k.binaries[0].spawner.Start(&spawn.Command{Path: k.hello})
	if err != nil {
		return err
	}
	if e := p.Exit(); e.Code != 0 {
		return errors.New(e.String())
	}
	return nil
}

// nativeOutput starts it and takes its output.
func (k *kit) nativeOutput() error {
	out, err := exec.CommandContext(k.ctx, k.hello).Output()
	if err == nil && len(out) == 0 {
		err = errors.New("no output")
	}
	return err
}
