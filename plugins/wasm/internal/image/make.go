package image

import (
	"context"
	"errors"
	"fmt"

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
	for _, look := range []func() (*Image, error){
		func() (*Image, error) { return s.find(d, r) },
		func() (*Image, error) { return s.readmit(ctx, d, r) },
	} {
		if i, err = look(); !errors.Is(err, cache.ErrMiss) {
			return i, FromCache, err
		}
	}
	result, err := s.compile(ctx, d, r, false)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = result.Close() }()
	native, err := s.cache.Put(s.keyOf(result.Digest, r.options.Flags()), result.Native)
	if err != nil {
		return nil, "", fmt.Errorf("keep native code: %w", err)
	}
	i, err = s.keep(ctx, d, r, result, native)
	return i, FromCompiler, err
}

// interpreted returns an image without native code.
func (s *Studio) interpreted(ctx context.Context, d content.Digest, r *request) (*Image, error) {
	result, err := s.compile(ctx, d, r, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = result.Close() }()
	derived, err := memfile.Dup(result.Derived)
	if err != nil {
		return nil, err
	}
	return newImage(d, r, derived, nil), nil
}

// spare returns what interpreted does, and puts it on the shelf: there will be nothing better.
func (s *Studio) spare(ctx context.Context, d content.Digest, r *request) (*Image, From, error) {
	i, err := s.interpreted(ctx, d, r)
	if err == nil {
		s.shelf.put(r.name(d), i)
	}
	return i, Interpreted, err
}

// compile has a child look at the module.
func (s *Studio) compile(ctx context.Context, d content.Digest, r *request, check bool) (*compile.Result, error) {
	f, err := s.store.Get(d)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	o := r.options
	o.CheckOnly = check
	o.Key = fmt.Sprintf("%s %s check=%t", d, o.Recipe(), check)
	result, err := s.compiler.Compile(ctx, f, o)
	var refused *compile.RefusedError
	var limit *compile.LimitError
	switch {
	case errors.As(err, &refused):
		return nil, &RefusedError{Digest: d, Reasons: refused.Reasons}
	case errors.As(err, &limit) && limit.Limit != compile.LimitWall:
		return nil, &RefusedError{Digest: d, Reasons: []string{limit.Error()}}
	}
	return result, err
}
