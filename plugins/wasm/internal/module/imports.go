package module

import (
	"slices"
	"strings"
)

// refuseImports names what a module imports that is not offered, together with what that usually means.
func (f *Facts) refuseImports(out *refusals, r Rules) {
	unknown := make(map[string][]string) // by what to say of them
	var order []string
	for _, i := range f.Imports {
		why := r.refuses(i)
		if why == "" {
			continue
		}
		if _, seen := unknown[why]; !seen {
			order = append(order, why)
		}
		unknown[why] = append(unknown[why], i.String())
	}
	const most = 16 // reasons; the rest of a module that has more is no better
	for _, why := range order[:min(len(order), most)] {
		names := slices.Compact(unknown[why])
		out.add("imports %s: %s", some(names), why)
	}
}

// String returns the import as people write it.
func (i Import) String() string {
	text := quote(i.Module + "." + i.Name)
	return text[1 : len(text)-1]
}

// refuses returns why an import is not there, or nothing if it is.
func (r Rules) refuses(i Import) string {
	want, ok := "", false
	if r.Imports != nil && i.Kind == KindFunc {
		want, ok = r.Imports(i.Module, i.Name)
	}
	switch {
	case !ok:
		return meaning(i)
	case want != "" && compact(want) != compact(i.Signature):
		return "its signature is " + i.Signature + ", and should be " + want + "; rebuild with a current toolchain"
	default:
		return ""
	}
}

func compact(signature string) string { return strings.ReplaceAll(signature, " ", "") }

// hints say what it means when something is imported from a module with this name, or with a name that
// begins like this where it ends in *.
var hints = []struct{ module, hint string }{
	{"wasi_unstable", "that is WASI preview 0 of 2019; rebuild with a current toolchain"},
	{"wasi:*", "that is WASI 0.2 or later; build for WASI preview 1, such as Rust's target wasm32-wasip1"},
	{"wasi", "WASI threads are not offered; build for wasm32-wasip1 instead of wasm32-wasip1-threads"},
	{"wasix*", "that is WASIX, which only Wasmer has; build for WASI preview 1"},
	{"wasi_ephemeral_*", "that proposal for WASI is not offered; build without it"},
	{"gojs", "it was built with GOOS=js, for browsers; build with GOOS=wasip1 GOARCH=wasm"},
	{"go", "it was built with GOOS=js, for browsers; build with GOOS=wasip1 GOARCH=wasm"},
	{"wbg", bindgen},
	{"__wbindgen*", bindgen},
	{"./*", bindgen},
	{"asyncify", "it was built for TinyGo or Emscripten in a browser; build for wasip1"},
	{"GOT.*", sideModule},
	{"extism:*", "it is an Extism plugin; build a WASI command instead"},
	{"a", "names of one letter are what Emscripten leaves of its JavaScript; build with wasi-sdk, or with emcc -sSTANDALONE_WASM"},
	{"spin*", "it was built for Spin; build a WASI command instead"},
	{"fastly*", "it was built for Fastly Compute; build a WASI command instead"},
}

const (
	bindgen    = "that is wasm-bindgen, for browsers; build for wasm32-wasip1, without wasm-bindgen and wasm-pack"
	sideModule = "it is a library for dynamic linking; link it statically, without -fPIC and -shared"
	emscripten = "that is Emscripten's JavaScript; build with wasi-sdk, or with emcc -sSTANDALONE_WASM"
)

// meaning says what an import that is not there usually means.
func meaning(i Import) string {
	if i.Module == "env" {
		return ofEnv(i)
	}
	for _, h := range hints {
		if start, pattern := strings.CutSuffix(h.module, "*"); i.Module == h.module || pattern && strings.HasPrefix(i.Module, start) {
			return h.hint
		}
	}
	if i.Module == "wasi_snapshot_preview1" {
		return "WASI preview 1 has no such function; sockets that connect, and other additions of single runtimes, are not offered"
	}
	return "nobody offers that here; only WASI preview 1 is"
}

// ofEnv says what an import from "env" means, which is where linkers look for what they do not find.
func ofEnv(i Import) string {
	switch {
	case i.Kind == KindMemory:
		return "a module must bring its own memory; build without --import-memory"
	case i.Name == "__memory_base" || i.Name == "__table_base" || i.Name == "__stack_pointer" && i.Kind == KindGlobal:
		return sideModule
	case i.Name == "abort" && i.Signature == "(i32, i32, i32, i32)", i.Name == "seed" && i.Signature == "() -> f64":
		return "that is AssemblyScript for browsers; build with the configuration of @assemblyscript/wasi-shim"
	}
	for _, start := range []string{"emscripten_", "_emscripten_", "invoke_", "__cxa_", "__syscall_", "_embind_", "_emval_", "__asyncjs__"} {
		if strings.HasPrefix(i.Name, start) {
			return emscripten
		}
	}
	return "the linker did not find that and left it open; link the library that has it, and without --allow-undefined"
}
