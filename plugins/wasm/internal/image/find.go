package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
)

// A note says which bytes a module was turned into. There is one for each set of rules that the module was
// admitted under, and one for all of them together.
type note struct {
	Derived content.Digest `json:"derived"`
}

func (s *Studio) keyOf(d content.Digest, flags string) cache.Key {
	k := s.build
	k.Module, k.Flags = d, flags
	return k
}

func (s *Studio) noteOf(d content.Digest, flags string) (note, error) {
	var n note
	text, err := s.cache.Note(s.keyOf(d, flags))
	if err != nil {
		return n, err
	}
	if json.Unmarshal(text, &n) != nil {
		return n, cache.ErrMiss
	}
	return n, nil
}

// find returns the image of a module that was compiled before, or cache.ErrMiss.
func (s *Studio) find(d content.Digest, r *request) (*Image, error) {
	n, err := s.noteOf(d, r.options.Recipe())
	if err != nil {
		return nil, err
	}
	native, err := s.cache.Get(s.keyOf(n.Derived, r.options.Flags()))
	if err != nil {
		return nil, err
	}
	derived, err := s.sealed(n.Derived)
	if err != nil {
		_ = native.Close()
		return nil, err
	}
	return newImage(d, r, derived, native), nil
}

// readmit returns the image of a module that was compiled before under other rules, such as a smaller limit
// of memory, or cache.ErrMiss. A child looks whether it keeps to these.
func (s *Studio) readmit(ctx context.Context, d content.Digest, r *request) (*Image, error) {
	if _, err := s.noteOf(d, r.anyRules()); err != nil {
		return nil, err
	}
	result, err := s.compile(ctx, d, r, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = result.Close() }()
	native, err := s.cache.Get(s.keyOf(result.Digest, r.options.Flags()))
	if err != nil {
		return nil, err
	}
	return s.keep(ctx, d, r, result, native)
}

// sealed copies a module of the store into sealed memory.
func (s *Studio) sealed(d content.Digest) (*os.File, error) {
	f, err := s.store.Get(d)
	if errors.Is(err, content.ErrNotFound) {
		return nil, cache.ErrMiss
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	memory, err := memfile.New("wasm")
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(memory, f); err == nil {
		err = memfile.Seal(memory)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read module %s: %w", d, err), memory.Close())
	}
	return memory, nil
}

// keep makes an image of what came of a module, and notes it for a later process.
func (s *Studio) keep(ctx context.Context, d content.Digest, r *request, result *compile.Result, native *cache.Entry) (*Image, error) {
	derived, err := memfile.Dup(result.Derived)
	if err != nil {
		_ = native.Close()
		return nil, err
	}
	if err := s.remember(ctx, d, r, result); err != nil {
		s.log.Warn("where the code of a module lies is not kept, so that a restart compiles it again", "module", d, "error", err)
	}
	return newImage(d, r, derived, native), nil
}

func (s *Studio) remember(ctx context.Context, d content.Digest, r *request, result *compile.Result) error {
	if result.Digest != d {
		info, err := result.Derived.Stat()
		if err == nil {
			_, err = s.store.Put(ctx, io.NewSectionReader(result.Derived, 0, info.Size()), result.Digest)
		}
		if err != nil {
			return err
		}
	}
	text, err := json.Marshal(note{Derived: result.Digest})
	if err != nil {
		return err
	}
	return errors.Join(
		s.cache.PutNote(s.keyOf(d, r.options.Recipe()), text),
		s.cache.PutNote(s.keyOf(d, r.anyRules()), text),
	)
}
