package image

import (
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
// admitted under.
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

// keep makes an image of what came of a module and its native code, and notes it for a later process.
func (s *Studio) keep(d content.Digest, r *request, made *compile.Result, native *cache.Entry) (*Image, error) {
	derived, err := memfile.Dup(made.Derived)
	if err != nil {
		_ = native.Close()
		return nil, err
	}
	if err := s.remember(d, r, made.Digest); err != nil {
		s.log.Warn("where the code of a module lies is not kept, so that a restart looks at it again", "module", d, "error", err)
	}
	return newImage(d, r, derived, native), nil
}

func (s *Studio) remember(d content.Digest, r *request, derived content.Digest) error {
	text, err := json.Marshal(note{Derived: derived})
	if err != nil {
		return err
	}
	return s.cache.PutNote(s.keyOf(d, r.options.Recipe()), text)
}
