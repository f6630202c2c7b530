package image

import (
	"errors"
	"os"
	"sync"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// An Image is a module, ready for workers. Its holder closes it.
type Image struct {
	Module content.Digest // as the task named it
	From   From

	key    string
	load   wire.Load
	native *cache.Entry // nil means none

	mu    sync.Mutex
	users int // guarded by mu; files are closed with the last one
}

// From says how an image came about.
type From string

// The ways.
const (
	FromMemory   From = "memory"   // it was in use, or was a moment ago
	FromCache    From = "cache"    // its code was found
	FromCompiler From = "compiler" // its code was made now
	Interpreted  From = "none"     // it has no code yet
)

// again says how one came by the image who finds it made.
func (i *Image) again() From {
	if i.native == nil {
		return Interpreted
	}
	return FromMemory
}

// Key names everything that a worker depends on.
func (i *Image) Key() string { return i.key }

var errGone = errors.New("the image was let go of")

// Load returns what a worker is told, and what to call when it needs the files no more.
func (i *Image) Load() (wire.Load, func(), error) {
	if !i.hold() {
		return wire.Load{}, nil, errGone
	}
	return i.load, i.Close, nil
}

// hold makes its caller a user too, unless there is none left.
func (i *Image) hold() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.users == 0 {
		return false
	}
	i.users++
	return true
}

// Close lets go of the image.
func (i *Image) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.users--; i.users > 0 {
		return
	}
	_ = i.load.Module.Close()
	if i.native != nil {
		_ = i.native.Close()
	}
}

// newImage takes over the files. It has one user.
func newImage(d content.Digest, r *request, derived *os.File, native *cache.Entry) *Image {
	i := &Image{
		Module: d, users: 1, native: native, key: r.name(d),
		load: wire.Load{
			Module: derived, Engine: wire.EngineAuto, Pages: r.pages, TailCall: r.tailCall, Debug: r.debug, NoMounts: r.noMounts,
			OpenFiles: r.files,
		},
	}
	if native == nil {
		i.key += " interpreted"
		i.load.Engine = wire.EngineInterpreter
		return i
	}
	i.load.Native, i.load.NativeName = native.File(), native.Name()
	shell := native.Shell()
	i.load.Shell, i.load.ShellName = shell.File, shell.Name
	return i
}
