package compile

import (
	"errors"
	"os"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
)

// A Result is what became of a module. It must be closed.
type Result struct {
	Facts   *module.Facts  // of the module as it was given; shared, not to be changed
	Derived *os.File       // the bytes that were compiled: sealed memory, to be read with ReadAt
	Digest  content.Digest // of Derived
	// Native is the code, for [cache.Cache.Put]; its File is nil if the module was only checked.
	Native cache.NamedFile

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

// Close lets go of the files.
func (r *Result) Close() error {
	var errs []error
	for _, f := range []*os.File{r.Derived, r.Native.File} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// dup returns a result with descriptors of its own.
func (r *Result) dup() (*Result, error) {
	d := *r
	d.Native.File = nil
	var err error
	if d.Derived, err = memfile.Dup(r.Derived); err != nil {
		return nil, err
	}
	if r.Native.File != nil {
		if d.Native.File, err = memfile.Dup(r.Native.File); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return &d, nil
}
