package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
)

// make makes the image of a module that has none, and puts it on the shelf.
func (s *Studio) make(ctx context.Context, d content.Digest, r *request) (i *Image, from From, err error) {
	defer func() {
		if err == nil {
			s.shelf.put(r.name(d), i)
		}
	}()
	// Somebody may have made it since our caller looked.
	if i, err = s.find(d, r); !errors.Is(err, cache.ErrMiss) {
		return i, FromCache, err
	}
	checked, err := s.check(ctx, d, r)
	if err != nil {
		return nil, "", err
	}
	source, err := s.settle(ctx, d, checked)
	if err != nil {
		return nil, "", errors.Join(err, checked.Close())
	}
	defer func() { _ = source.Close() }()
	// The same bytes may have been compiled for a task with other rules, such as another limit of memory.
	native, err := s.cache.Get(s.keyOf(checked.Digest, r.options.Flags()))
	if err == nil {
		defer func() { _ = checked.Close() }()
		i, err = s.keep(d, r, checked, native)
		return i, FromCache, err
	}
	digest := checked.Digest
	_ = checked.Close() // whoever waits to be compiled takes no memory
	if !errors.Is(err, cache.ErrMiss) {
		return nil, "", err
	}
	i, err = s.compile(ctx, d, r, source, digest)
	return i, FromCompiler, err
}

// settle puts what was made of a module into the store, where a later process finds it, and returns it open.
func (s *Studio) settle(ctx context.Context, d content.Digest, checked *compile.Result) (*os.File, error) {
	info, err := checked.Derived.Stat()
	if err == nil && checked.Digest != d {
		_, err = s.store.Put(ctx, io.NewSectionReader(checked.Derived, 0, info.Size()), checked.Digest)
	}
	if err == nil {
		var f *os.File
		if f, err = s.store.Get(checked.Digest); err == nil {
			return f, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.log.Warn("what was made of a module is not kept, so that a restart makes it again", "module", d, "error", err)
	return memfile.Dup(checked.Derived)
}

// compile makes the image of a module of which a check has made the source, which has this digest.
func (s *Studio) compile(ctx context.Context, d content.Digest, r *request, source *os.File, digest content.Digest) (*Image, error) {
	o := r.options
	o.Admitted = digest
	o.Key = fmt.Sprintf("compile %s %s", digest, o.Flags())
	result, err := s.compiler.Compile(ctx, source, o)
	if err != nil {
		return nil, refusal(d, err)
	}
	defer func() { _ = result.Close() }()
	native, err := s.cache.Put(s.keyOf(digest, o.Flags()), result.Native, result.Shell)
	if err != nil {
		return nil, fmt.Errorf("keep native code: %w", err)
	}
	return s.keep(d, r, result, native)
}

// check has a child look at the module and make of it what is compiled or interpreted.
func (s *Studio) check(ctx context.Context, d content.Digest, r *request) (*compile.Result, error) {
	f, err := s.store.Get(d)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	o := r.options
	o.CheckOnly = true
	o.Key = fmt.Sprintf("check %s %s", d, o.Recipe())
	result, err := s.compiler.Compile(ctx, f, o)
	return result, refusal(d, err)
}

// refusal tells errors that are there to stay from those that may go better next time.
func refusal(d content.Digest, err error) error {
	var refused *compile.RefusedError
	var limit *compile.LimitError
	switch {
	case errors.As(err, &refused):
		return &RefusedError{Digest: d, Reasons: refused.Reasons}
	case errors.As(err, &limit) && limit.Limit != compile.LimitWall:
		return &RefusedError{Digest: d, Reasons: []string{limit.Error()}}
	}
	return err
}
