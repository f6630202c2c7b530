#!/bin/sh
# Builds the examples of this directory into a directory, each with a task that runs it: hello-LANGUAGE.wasm and
# hello-LANGUAGE.yaml. Without languages all are built: go, c, rust, assemblyscript. Each has one line that says
# "LANGUAGE: built TASK" or "LANGUAGE: left out: WHY". What is left out lacks its toolchain; a build that fails
# with one is an error.
#     examples/wasm/build.sh bin/examples [LANGUAGE...]
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "${1:?usage: build.sh DIRECTORY [LANGUAGE...]}"
out=$(cd "$1" && pwd)
shift
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

# built LANGUAGE writes the task for a module. It is pinned: another file at its place would be refused.
built() {
	sum=$(sha256sum "$out/hello-$1.wasm" | cut -d' ' -f1)
	cat >"$out/hello-$1.yaml" <<-YAML
		# Made by "make examples": run it with bin/solti-host run $out/hello-$1.yaml
		apiVersion: solti.io/v1
		kind: Task
		metadata: {name: hello-$1}
		spec:
		  slot: hello-$1
		  workload:
		    apiVersion: solti.io/v1
		    kind: Wasm
		    spec:
		      module:
		        path: "$out/hello-$1.wasm"
		        sha256: $sum
		      args: [submitter]
		      env: {GREETING: good day}
		      stdin: "one\ntwo\n"
		      limits: {memory: 64MiB, cpu: 5s}
		  timeout: 10s
	YAML
	echo "$1: built $out/hello-$1.yaml"
}

# leave LANGUAGE WHY says why a language is not built. What an earlier build made does not stay behind.
leave() {
	rm -f "$out/hello-$1.wasm" "$out/hello-$1.yaml"
	echo "$1: left out: $2"
}

# said is the first line of what a tool said.
said() { head -n 1 "$temp/log"; }

go_() {
	GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 "${GO:-go}" build -trimpath -ldflags=-s -o "$out/hello-go.wasm" ./examples/wasm/go
	built go
}

# A sysroot of its own (wasi-sdk, or unpacked elsewhere) can be given as WASI_SYSROOT, another compiler as CLANG.
c_() {
	clang=${CLANG:-clang}
	if ! command -v "$clang" >/dev/null; then
		leave c "there is no $clang; on Debian: apt install clang lld wasi-libc libclang-rt-dev-wasm32"
		return
	fi
	set -- "$clang" --target=wasm32-wasi ${WASI_SYSROOT:+--sysroot="$WASI_SYSROOT"} -O2
	printf '#include <stdio.h>\nint main(void) { return puts(""); }\n' >"$temp/probe.c"
	if ! "$@" -o "$temp/probe.wasm" "$temp/probe.c" 2>"$temp/log"; then
		leave c "$clang cannot build for wasm32-wasi ($(said)); on Debian: apt install lld wasi-libc libclang-rt-dev-wasm32"
		return
	fi
	"$@" -o "$out/hello-c.wasm" examples/wasm/hello.c
	built c
}

# The target was called wasm32-wasi until Rust 1.78. Another compiler can be given as RUSTC.
rust_() {
	rustc=${RUSTC:-rustc}
	if ! command -v "$rustc" >/dev/null; then
		leave rust "there is no $rustc; with rustup: rustup target add wasm32-wasip1, on Debian: apt install rustc libstd-rust-dev-wasm32 lld"
		return
	fi
	libraries=$("$rustc" --print sysroot)/lib/rustlib
	for target in wasm32-wasip1 wasm32-wasi; do
		[ -d "$libraries/$target" ] || continue
		echo 'fn main() {}' >"$temp/probe.rs"
		if ! "$rustc" --target "$target" -o "$temp/probe.wasm" "$temp/probe.rs" 2>"$temp/log"; then
			leave rust "$rustc cannot build for $target ($(said)); on Debian: apt install lld"
			return
		fi
		"$rustc" --target "$target" -O -C strip=debuginfo -o "$out/hello-rust.wasm" examples/wasm/hello.rs
		built rust
		return
	done
	leave rust "$rustc has no target wasm32-wasip1; rustup target add wasm32-wasip1, on Debian: apt install libstd-rust-dev-wasm32 lld"
}

# The compiler comes from npm, at the versions of package-lock.json, into a directory that is removed again.
assemblyscript_() {
	if ! command -v npm >/dev/null; then
		leave assemblyscript "there is no npm; it comes with Node.js 20 or later"
		return
	fi
	if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
		leave assemblyscript "the compiler needs Node.js 20 or later; node is $(node --version)"
		return
	fi
	cp examples/wasm/assemblyscript/* "$temp"
	if ! (cd "$temp" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=30000) >"$temp/log" 2>&1; then
		leave assemblyscript "npm cannot install the compiler: $(grep -i error "$temp/log" | head -n 1)"
		return
	fi
	(cd "$temp" && node_modules/.bin/asc hello.ts --config node_modules/@assemblyscript/wasi-shim/asconfig.json -O \
		-o "$out/hello-assemblyscript.wasm")
	built assemblyscript
}

[ $# -gt 0 ] || set -- go c rust assemblyscript
for language; do
	case $language in
	go | c | rust | assemblyscript) "${language}_" ;;
	*) echo "build.sh: $language is not one of go, c, rust, assemblyscript" >&2; exit 2 ;;
	esac
done
