package inspect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
)

// Options say what a file is held against.
type Options struct {
	Settings *settings.Settings // the operator's
	Workload *workload.Workload // what a task would ask for; its module is not looked at
	Compile  bool               // compile it too, which may take minutes
}

// maxFile bounds what is handed to a child, in bytes: more cannot be a module.
const maxFile = 1 << 30

// Look tells what is in a file, and whether the runner would take it. Its error says that nobody knows. When
// ctx ends, so does what reads the file.
func Look(ctx context.Context, path string, o Options) (_ *Report, err error) {
	file, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(file, 0, size)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	options := image.CompileOptions(o.Workload, o.Settings)
	options.CheckOnly = !o.Compile
	r := &Report{
		File: path, Digest: "sha256:" + hex.EncodeToString(h.Sum(nil)), Bytes: size, Rules: rulesOf(options, o),
	}
	granted := *o.Workload
	granted.Module = workload.Module{Digest: r.Digest}
	if err := o.Settings.Check(&granted); err != nil {
		r.Reasons = append(r.Reasons, err.Error())
	}
	return r, r.read(ctx, file, options, o.Settings)
}

// open opens a regular file, without waiting for anybody.
func open(path string) (*os.File, int64, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFile:
		err = fmt.Errorf("%s has %d bytes, and WebAssembly modules have at most %d", path, info.Size(), maxFile)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func rulesOf(c compile.Options, o Options) Rules {
	r := Rules{
		MaxBytes: c.Rules.MaxBytes, MaxFunction: c.Rules.MaxBody, MemoryPages: c.Rules.MemoryPages,
		TableElements: c.Rules.TableElements, EntryPoint: c.Rules.Entry, SignatureAsked: len(o.Settings.Signatures.Keys) > 0,
	}
	for _, f := range o.Workload.Features {
		r.Features = append(r.Features, string(f))
	}
	return r
}

// read has a child read the file.
func (r *Report) read(ctx context.Context, file *os.File, o compile.Options, s *settings.Settings) (err error) {
	dir, err := os.MkdirTemp("", "solti-wasm-inspect-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	spawner, err := spawn.New(1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spawner.Close()) }()
	c, err := compile.New(compile.Config{
		Spawn: spawner, Scratch: filepath.Join(dir, "scratch"),
		Limits: compile.Limits{CPU: s.Compile.CPU, Wall: s.Compile.Wall, Data: int64(s.Compile.Memory)},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	result, err := c.Compile(ctx, file, o)
	if err == nil {
		defer func() { _ = result.Close() }()
	}
	return r.judge(result, err, o)
}

// judge says what came of it.
func (r *Report) judge(result *compile.Result, err error, o compile.Options) error {
	offered := func(module, name string) bool {
		_, ok := o.Rules.Imports[module][name]
		return ok
	}
	var refused *compile.RefusedError
	var limit *compile.LimitError
	switch {
	case errors.As(err, &refused):
		r.tell(refused.Facts, offered)
		r.Reasons = append(r.Reasons, refused.Reasons...)
		return nil
	case errors.As(err, &limit):
		r.tell(nil, offered)
		r.Reasons = append(r.Reasons, limit.Error())
		return nil
	case err != nil:
		return err
	}
	r.tell(result.Facts, offered)
	r.Taken = len(r.Reasons) == 0
	info, err := result.Derived.Stat()
	if err != nil {
		return err
	}
	r.Derived = &Derived{
		Digest: string(result.Digest), Bytes: info.Size(), Dropped: result.Dropped, Segments: result.Segments[1],
	}
	if result.Native.File == nil {
		return nil
	}
	if info, err = result.Native.File.Stat(); err != nil {
		return err
	}
	r.Compiled = &Compiled{CPU: result.Usage.CPU, Memory: result.Usage.MaxRSS, NativeBytes: info.Size()}
	return nil
}
