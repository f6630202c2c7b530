package module

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// emptyBody is the shortest body that is valid for a function of any type and never returns: its length, no
// variables, unreachable, end.
const emptyBody = "\x03\x00\x00\x0b"

// Shell returns the module without what its functions do: every section as it is, but in the code section each
// body is the shortest one, which traps. It is for an engine that has the module's native code and reads of the
// module all but that.
//
// It takes modules that [Inspect] takes, and of others it refuses those that cannot be taken apart. The result is
// its own shell.
func Shell(wasm []byte) ([]byte, error) {
	if preamble, _ := preamble(wasm); preamble != aModule {
		return nil, errors.New("is not a module")
	}
	r := reader{b: wasm, at: preambleSize, end: len(wasm)}
	out := append(make([]byte, 0, len(wasm)), wasm[:preambleSize]...)
	for r.more() {
		begin := r.at
		code := r.byte("a section")
		outer := r.enter("a section")
		if code == sectionCode {
			out = r.shell(out)
		} else {
			out = append(out, wasm[begin:r.end]...)
			r.at = r.end
		}
		r.leave(outer, "a section")
	}
	if r.err != nil {
		return nil, fmt.Errorf("malformed WebAssembly module: %w", r.err)
	}
	return out, nil
}

// shell reads the content of a code section and adds the section that takes its place.
func (r *reader) shell(out []byte) []byte {
	n := r.count(3, maxFunctions, "function bodies")
	for range n {
		outer := r.enter("a function")
		r.at = r.end
		r.leave(outer, "a function")
	}
	count := binary.AppendUvarint(nil, uint64(n))
	return appendSection(out, sectionCode, len(count)+n*len(emptyBody), func(out []byte) []byte {
		out = append(out, count...)
		for range n {
			out = append(out, emptyBody...)
		}
		return out
	})
}
