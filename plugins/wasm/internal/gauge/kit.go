package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workerbin"
)

// A kit is what all measurements share.
type kit struct {
	ctx    context.Context
	short  bool
	rounds int    // of rates; 0 means the usual number
	dir    string // for what is built; removed at the end
	out    *json.Encoder
	err    error // the first of out

	binaries []*binary // the worker's first

	hello, spin, fill string // native programs
	native            string // what they are written in
}

// A binary is what workers are started from.
type binary struct {
	name    string
	spawner *spawn.Spawner
	hello   *image
}

func newKit(ctx context.Context, worker, plugin string, short bool, out *json.Encoder) (k *kit, err error) {
	k = &kit{ctx: ctx, short: short, out: out}
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	if k.dir, err = os.MkdirTemp("", "gauge-"); err != nil {
		return k, err
	}
	if err := k.buildPeers(); err != nil {
		return k, err
	}
	if worker == "" {
		return k, errors.New("no binary to measure: -worker FILE")
	}
	if err := k.add("worker", worker, inMemory); err != nil {
		return k, fmt.Errorf("%s: %w", worker, err)
	}
	if plugin == "" {
		return k, nil
	}
	if err := k.add("plugin", plugin, inPlace); err != nil {
		return k, fmt.Errorf("%s: %w", plugin, err)
	}
	return k, nil
}

// threads is how many children are forked at one time.
const threads = 4

// inMemory starts a binary as the plugin does that has it inside.
func inMemory(path string) (*spawn.Spawner, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return workerbin.Of(string(data), threads)
}

// inPlace starts a binary as the plugin starts itself.
func inPlace(path string) (*spawn.Spawner, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return spawn.NewOf(f, threads)
}

// add makes a binary's workers ready to be started.
func (k *kit) add(name, path string, open func(path string) (*spawn.Spawner, error)) error {
	b := &binary{name: name}
	var err error
	if b.spawner, err = open(path); err != nil {
		return err
	}
	k.binaries = append(k.binaries, b)
	b.hello, err = k.image(b, moduletest.Hello(hello))
	return err
}

func (k *kit) close() {
	for _, b := range k.binaries {
		_ = b.spawner.Close()
	}
	_ = os.RemoveAll(k.dir)
}

// size returns full, or short where nothing is to be measured.
func (k *kit) size(full, short int) int {
	if k.short {
		return short
	}
	return full
}

// table begins a table. Columns name their unit; the first is the one of names.
func (k *kit) table(name string, columns ...string) { k.write(Line{Table: name, Columns: columns}) }

// row adds a row to it.
func (k *kit) row(cells ...any) { k.write(Line{Row: cells}) }

func (k *kit) write(l Line) {
	if err := k.out.Encode(l); err != nil && k.err == nil {
		k.err = err
	}
}

const (
	helloC = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n"
	spinC  = "int main(void) { for (volatile unsigned i = 0;; i++); }\n"
	fillC  = "#include <stdlib.h>\n#include <string.h>\n" +
		"int main(void) { char *p = malloc(2UL << 30); for (;;) { memset(p, 1, 2UL << 30); __asm__ volatile(\"\" :: \"r\"(p) : \"memory\"); } }\n"
	spinGo = "package main\n\nfunc main() {\n\tfor {\n\t}\n}\n"
)

// buildPeers makes the native programs: in C, or else in Go.
func (k *kit) buildPeers() error {
	k.hello, k.spin = filepath.Join(k.dir, "hello"), filepath.Join(k.dir, "spin")
	if _, err := exec.LookPath("cc"); err == nil {
		k.native = "C"
		k.fill = filepath.Join(k.dir, "fill")
		return errors.Join(k.cc(k.hello, helloC), k.cc(k.spin, spinC), k.cc(k.fill, fillC))
	}
	k.native = "Go"
	source := filepath.Join(k.dir, "spin.go")
	if err := os.WriteFile(source, []byte(spinGo), 0o600); err != nil {
		return err
	}
	return errors.Join(k.goBuild(k.hello, guestPackage), k.goBuild(k.spin, source))
}

func (k *kit) cc(target, source string) error {
	cmd := exec.CommandContext(k.ctx, "cc", "-O2", "-x", "c", "-o", target, "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		_, _ = stdin.Write([]byte(source))
		_ = stdin.Close()
	}()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cc: %w: %s", err, out)
	}
	return nil
}

const (
	guestPackage = "github.com/soltihq/solti-host/plugins/wasm/internal/gauge/guest"
	wazeroCLI    = "github.com/tetratelabs/wazero/cmd/wazero"
)

// goBuild builds a package for the system, or for what env says.
func (k *kit) goBuild(target, what string, env ...string) error {
	cmd := exec.CommandContext(k.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", target, what)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", what, err, out)
	}
	return nil
}

// goModule is the Go program as a module.
func (k *kit) goModule() ([]byte, error) {
	path := filepath.Join(k.dir, "guest.wasm")
	if err := k.goBuild(path, guestPackage, "GOOS=wasip1", "GOARCH=wasm"); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// millis returns the q-quantile in milliseconds.
func millis(took []time.Duration, q float64) float64 {
	s := slices.Sorted(slices.Values(took))
	return float64(s[int(q*float64(len(s)-1))]) / 1e6
}

// middle returns the median.
func middle(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}

// cpu returns the processor time of this process, and of its children that were waited for.
func cpu() (own, children time.Duration) {
	of := func(who int) time.Duration {
		var r unix.Rusage
		_ = unix.Getrusage(who, &r)
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return of(unix.RUSAGE_SELF), of(unix.RUSAGE_CHILDREN)
}

// cpuOf returns the processor time of other processes, by their clocks, which are numbered after them.
func cpuOf(pids ...int) (sum time.Duration) {
	for _, pid := range pids {
		var ts unix.Timespec
		if unix.ClockGettime(int32(^pid<<3|2), &ts) == nil {
			sum += time.Duration(ts.Nano())
		}
	}
	return sum
}
