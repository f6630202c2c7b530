package image

import (
	"context"

	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
)

// fast returns an image at once: one with native code if there is one by now, else one that is interpreted while the
// maker makes native code in the background.
func (s *Studio) fast(ctx context.Context, d content.Digest, r *request, maker maker) (*Image, From, error) {
	s.makings.begin(r.name(d), maker, func(err error) {
		s.log.Warn("a module that is interpreted could not be compiled", "module", d, "error", err)
	})
	i := s.shelf.get(r.spare(d))
	if i == nil {
		made, from, err := s.interpreted(ctx, d, r)
		if err != nil {
			return nil, from, err
		}
		i = made
		s.shelf.put(r.spare(d), i)
	}
	if native := s.shelf.get(r.name(d)); native != nil {
		i.Close()
		return native, FromMemory, nil
	}
	return i, Interpreted, nil
}

// interpreted returns an image without native code.
func (s *Studio) interpreted(ctx context.Context, d content.Digest, r *request) (*Image, From, error) {
	checked, err := s.check(ctx, d, r)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = checked.Close() }()
	derived, err := memfile.Dup(checked.Derived)
	if err != nil {
		return nil, "", err
	}
	return newImage(d, r, derived, nil), Interpreted, nil
}

// only returns what interpreted does, and puts it on the shelf: there will be nothing better.
func (s *Studio) only(ctx context.Context, d content.Digest, r *request) (*Image, From, error) {
	i, from, err := s.interpreted(ctx, d, r)
	if err == nil {
		s.shelf.put(r.name(d), i)
	}
	return i, from, err
}
