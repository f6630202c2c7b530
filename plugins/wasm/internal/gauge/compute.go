package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
)

// computing compares processor time of a long computation in a worker with that in wazero's own command. What
// both take for no computation at all is taken off, for they start in different ways.
func computing(k *kit) error {
	wasm, err := k.goModule()
	if err != nil {
		return err
	}
	module, cli, native := filepath.Join(k.dir, "guest.wasm"), filepath.Join(k.dir, "wazero"), filepath.Join(k.dir, "guest")
	if err := k.goBuild(cli, wazeroCLI); err != nil {
		return err
	}
	if err := k.goBuild(native, guestPackage); err != nil {
		return err
	}
	b := k.binaries[0]
	i, err := k.image(b, wasm)
	if err != nil {
		return err
	}
	p := pool.New(b.spawner, pool.Options{})
	defer p.Close()
	command := func(name string, args ...string) func(n int) (time.Duration, error) {
		return func(n int) (time.Duration, error) { return k.command(name, append(args, strconv.Itoa(n))...) }
	}
	stored := "-cachedir=" + filepath.Join(k.dir, "wazero-cache")
	kinds := []struct {
		name string
		run  func(n int) (time.Duration, error)
	}{
		{"wazero run", command(cli, "run", stored, module)},
		{"wazero run -timeout", command(cli, "run", "-timeout=10m", stored, module)},
		{"worker", func(n int) (time.Duration, error) {
			usage, err := one(k, p, i, "", strconv.Itoa(n))
			return usage.CPU, err
		}},
		{"native", command(native)},
	}
	rounds, n := k.size(10, 1), k.size(60, 2)
	spent, ratios := make([][]time.Duration, len(kinds)), make([][]float64, len(kinds))
	for round := range rounds + 1 {
		took := make([]time.Duration, len(kinds))
		for j := range kinds {
			i := (j + round) % len(kinds) // each is first, and after each other, as often
			nothing, err := kinds[i].run(0)
			if err != nil {
				return fmt.Errorf("%s: %w", kinds[i].name, err)
			}
			all, err := kinds[i].run(n)
			if err != nil {
				return fmt.Errorf("%s: %w", kinds[i].name, err)
			}
			took[i] = all - nothing
		}
		if round == 0 {
			continue // it fills caches
		}
		for i, t := range took {
			spent[i] = append(spent[i], t)
			ratios[i] = append(ratios[i], float64(t)/float64(took[0]))
		}
	}
	k.table("a computation, SHA-256 and a sieve in Go; CPU in ms", "what", "min", "p50", "ratio of rounds, p50")
	for i, kind := range kinds {
		k.row(kind.name, millis(spent[i], 0), millis(spent[i], 0.5), middle(ratios[i]))
	}
	return nil
}

// command runs a program to its end and returns its processor time.
func (k *kit) command(name string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(k.ctx, name, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
