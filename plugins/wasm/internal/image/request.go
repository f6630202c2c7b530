package image

import (
	"fmt"
	"slices"

	"github.com/soltihq/solti-host/plugins/wasm/internal/compile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wasi"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
)

// pageSize is that of linear memory, in bytes.
const pageSize = 64 << 10

// maxTable bounds the tables that a module begins with, in elements.
const maxTable = 1 << 20

// ownFiles is how many descriptors a worker needs beside those of its guest: each mount twice while a job
// begins, listeners, and its own.
const ownFiles = 192

// A request is what of a workload decides which image it gets.
type request struct {
	pages    uint32
	tailCall bool
	debug    bool
	noMounts bool
	files    uint32 // descriptors that the worker may have
	options  compile.Options
}

func newRequest(w *workload.Workload, s *settings.Settings) *request {
	r := &request{
		pages:    uint32(w.Limits.Memory / pageSize),
		tailCall: slices.Contains(w.Features, workload.TailCall),
		debug:    w.Debug == workload.Lines,
		noMounts: len(w.Mounts) == 0,
		files:    uint32(w.Limits.OpenFiles + ownFiles),
	}
	r.options = compile.Options{
		Normalize: w.Normalized(), Debug: r.debug, TailCall: r.tailCall,
		Rules: compile.Rules{
			MaxBytes: int(s.Modules.MaxSize), MaxBody: int(s.Modules.MaxBody),
			MemoryPages: uint64(r.pages), TableElements: maxTable, Entry: w.EntryPoint,
			Imports: map[string]map[string]string{wasi.ModuleName: wasi.Signatures()},
		},
	}
	return r
}

// name names the image that a request makes of a module.
func (r *request) name(d content.Digest) string {
	return fmt.Sprintf("%s %s pages=%d mounts=%t files=%d", d, r.options.Recipe(), r.pages, !r.noMounts, r.files)
}

// spare names the image that is interpreted until the other one is made.
func (r *request) spare(d content.Digest) string { return r.name(d) + " interpreted" }

// CompileOptions returns how the module of a workload is looked at and compiled.
func CompileOptions(w *workload.Workload, s *settings.Settings) compile.Options {
	return newRequest(w, s).options
}
