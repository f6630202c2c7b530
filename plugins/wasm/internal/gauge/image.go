package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/pool"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// An image is a module that a binary's child has compiled, for workers of that binary.
type image struct {
	key    string
	load   wire.Load
	result *compile.Result
}

// Key and Load are what a pool asks for.
func (i *image) Key() string { return i.key }

// Load returns files that stay open to the end.
func (i *image) Load() (wire.Load, func(), error) { return i.load, func() {}, nil }

// maxPages is the most memory that a guest can have.
const maxPages = 65536

// image has a module normalised and compiled.
func (k *kit) image(b *binary, wasm []byte) (*image, error) {
	c, err := compile.New(compile.Config{Spawn: b.spawner, Scratch: filepath.Join(k.dir, "scratch")})
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	file, err := memfile.Of("wasm", wasm)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	r, err := c.Compile(k.ctx, file, compile.Options{
		Normalize: true, TailCall: true,
		Rules: compile.Rules{
			MaxBytes: 64 << 20, MaxBody: 1 << 20, MemoryPages: maxPages, TableElements: 1 << 20,
			Imports: map[string]map[string]string{wasi.ModuleName: wasi.Signatures()},
		},
	})
	if err != nil {
		return nil, err
	}
	native, err := sealed(r.Native.File)
	if err != nil {
		return nil, err
	}
	return &image{
		key: string(r.Digest), result: r,
		load: wire.Load{
			Module: r.Derived, Native: native, NativeName: r.Native.Name, Shell: r.Shell.File, ShellName: r.Shell.Name,
			TailCall: true, NoMounts: true,
		},
	}, nil
}

// sealed copies a file into sealed memory, as the cache does.
func sealed(f *os.File) (*os.File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, info.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		return nil, err
	}
	return memfile.Of("native", data)
}

// A sink counts what a guest writes.
type sink struct {
	n     int
	first chan struct{} // if it is not nil, closed with the first byte
}

// Output and Gap make a sink an outlet.
func (s *sink) Output(_ wire.Stream, p []byte) {
	if s.n == 0 && s.first != nil {
		close(s.first)
	}
	s.n += len(p)
}

// Gap has nothing to count.
func (s *sink) Gap(wire.Stream, int64) {}

// one makes a whole attempt, and returns when its worker is reaped or, with a lease, given back.
func one(k *kit, p *pool.Pool, i *image, lease string, args ...string) (wire.Usage, error) {
	w, err := p.Take(k.ctx, i, lease)
	if err != nil {
		return wire.Usage{}, err
	}
	out := &sink{}
	job := wire.Job{Args: append([]string{"guest"}, args...), Last: lease == ""}
	status, usage, err := w.Run(job, out, wire.Limit{})
	if err == nil && lease != "" {
		p.Return(w, status)
	}
	if err == nil && (status.End != wire.Exited || status.Code != 0 || out.n == 0) {
		err = fmt.Errorf("the guest ended with %+v and %d bytes of output", status, out.n)
	}
	return usage, err
}

// rested waits until so many workers are ready and nothing else goes on.
func rested(k *kit, p *pool.Pool, idle int) error {
	for deadline := time.Now().Add(time.Minute); p.Stats().Idle < idle; {
		if k.ctx.Err() != nil || time.Now().After(deadline) {
			return errors.New("no worker gets ready")
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}
