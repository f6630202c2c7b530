package module

import (
	"bytes"
	"errors"
	"strings"
)

const preambleSize = 8

// What an input is, by its first bytes.
const (
	aModule = iota
	aComponent
	neither
)

// preamble tells a module from a component, and from what is neither, for which it says what it is.
func preamble(wasm []byte) (what int, err error) {
	const magic = "\x00asm"
	if !bytes.HasPrefix(wasm, []byte(magic)) {
		return neither, errors.New("is not a WebAssembly module" + instead(wasm))
	}
	if len(wasm) < preambleSize {
		return neither, &FormatError{len(wasm), "is cut off after the first bytes of a WebAssembly module"}
	}
	// Two bytes of version and two of layer: 0 is for modules, 1 for components, whatever their version.
	switch version, layer := wasm[4:6], wasm[6:8]; {
	case string(layer) == "\x01\x00":
		return aComponent, nil
	case string(layer) == "\x00\x00" && string(version) == "\x01\x00":
		return aModule, nil
	}
	return neither, &FormatError{len(magic), "is a WebAssembly binary of an unknown version; " + newer}
}

// Reason says of an input for which [Inspect] has this error why it is refused, as the end of a sentence
// that begins with it.
func Reason(err error) string {
	if errors.As(err, new(*FormatError)) {
		return "cannot be read, as if it were damaged or cut off: " + err.Error()
	}
	return err.Error()
}

// formats are what people submit instead of modules.
var formats = [...]struct{ magic, hint string }{
	{"", "it is empty"},
	{"\x7fELF", "it is a native Linux program or library; build for the target wasm32-wasip1 (Go: GOOS=wasip1 GOARCH=wasm)"},
	{"MZ", "it is a Windows program; build for the target wasm32-wasip1 (Go: GOOS=wasip1 GOARCH=wasm)"},
	{"\xcf\xfa\xed\xfe", "it is a macOS program; build for the target wasm32-wasip1 (Go: GOOS=wasip1 GOARCH=wasm)"},
	{"!<arch>", "it is a static library; link it into a program"},
	{"BC\xc0\xde", "it is LLVM bitcode; compile and link it for wasm32-wasip1"},
	{"\x1f\x8b", "it is compressed with gzip; decompress it first"},
	{"\x28\xb5\x2f\xfd", "it is compressed with zstd; decompress it first"},
	{"PK\x03\x04", "it is a zip archive; take the .wasm file out of it"},
	{"#!", "it is a script; use kind Subprocess, or give the .wasm file itself"},
	{"#", "it looks like YAML; give the .wasm file itself"},
	{"apiVersion:", "it looks like YAML; give the .wasm file itself"},
	{"AGFzb", "it is base64 of a module; decode it, or give it inline"},
	{"(module", textFormat},
	{"(component", textFormat},
	{"(;", textFormat},
	{";;", textFormat},
	{"<", "it looks like HTML or XML; perhaps a download failed"},
	{"{", "it looks like JSON; give the .wasm file itself"},
	{"version https://git-lfs", "it is a pointer of Git LFS; fetch the file itself with git lfs pull"},
}

const textFormat = "it is WebAssembly text; translate it with wat2wasm or wasm-tools parse"

// instead says what an input is, if that can be seen, as the end of a sentence.
func instead(input []byte) string {
	head := strings.TrimLeft(strings.TrimPrefix(string(input[:min(len(input), 256)]), "\ufeff"), " \t\r\n")
	for _, f := range formats {
		if f.magic == "" && len(input) == 0 || f.magic != "" && strings.HasPrefix(head, f.magic) {
			return ": " + f.hint
		}
	}
	return ": it begins with the bytes " + quote(input[:min(len(input), 8)])
}
