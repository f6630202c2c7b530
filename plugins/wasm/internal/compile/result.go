package compile

import (
	"errors"
	"os"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

// A Result is what became of a module. It must be closed.
type Result struct {
	Facts   *module.Facts  // of the module as it was given; shared, not to be changed
	Derived *os.File       // the bytes that were compiled: sealed memory, to be read with ReadAt
	Digest  content.Digest // of Derived
	// Native is the code, and Shell what may take the place of Derived where that is at hand: its shell, in sealed
	// memory, with the name that Native has then. Both are for [cache.Cache.Put]. Their File is nil if the module was
	// only checked, and that of Shell also if it has none.
	Native, Shell cache.NamedFile

	Changed  bool     // Derived is not what was given
	Dropped  []string // custom sections that Derived lacks
	Segments [2]int   // of data, before and after
	Usage    Usage
}

// Usage is what the child took.
type Usage struct {
	CPU    time.Duration
	Wall   time.Duration
	MaxRSS int64 // bytes
}

// A Compilation is what there is to tell of a child that has ended.
type Compilation struct {
	Usage
	CheckOnly bool  // it was not to compile
	Deferred  bool  // it was ended to make way for others, and another one will begin anew
	OK        bool  // it did what it was to
	Code      int64 // bytes of native code
}

// observe tells of a child.
func (c *Compiler) observe(o Options, exit spawn.Exit, r *Result, deferred bool) {
	if c.config.Observe == nil {
		return
	}
	told := Compilation{Usage: usageOf(exit), CheckOnly: o.CheckOnly, OK: r != nil, Deferred: deferred}
	if r != nil && r.Native.File != nil {
		if st, err := r.Native.File.Stat(); err == nil {
			told.Code = st.Size()
		}
	}
	c.config.Observe(told)
}

func usageOf(e spawn.Exit) Usage { return Usage{CPU: e.CPU(), Wall: e.Elapsed, MaxRSS: e.MaxRSS} }

// Close lets go of the files.
func (r *Result) Close() error {
	var errs []error
	for _, f := range []*os.File{r.Derived, r.Native.File, r.Shell.File} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// dup returns a result with descriptors of its own.
func (r *Result) dup() (*Result, error) {
	d := *r
	d.Derived, d.Native.File, d.Shell.File = nil, nil, nil
	for _, f := range []struct {
		own **os.File
		of  *os.File
	}{{&d.Derived, r.Derived}, {&d.Native.File, r.Native.File}, {&d.Shell.File, r.Shell.File}} {
		if f.of == nil {
			continue
		}
		var err error
		if *f.own, err = memfile.Dup(f.of); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return &d, nil
}
