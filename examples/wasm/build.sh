#!/bin/sh
# Builds the examples of this directory into a directory, each with a task that runs it: hello-LANGUAGE.wasm and
# hello-LANGUAGE.yaml. Languages whose toolchain is not there are left out, and why is said.
#     examples/wasm/build.sh bin/examples
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "${1:?usage: build.sh DIRECTORY}"
out=$(cd "$1" && pwd)

# task LANGUAGE writes the task for a module. It is pinned: another file at its place would be refused.
task() {
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
	echo "$out/hello-$1.yaml"
}

skip() { echo "skipped: $*" >&2; }

GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 "${GO:-go}" build -trimpath -ldflags=-s -o "$out/hello-go.wasm" ./examples/wasm/go
task go

# A sysroot of its own (wasi-sdk, or unpacked elsewhere) can be given as WASI_SYSROOT.
clang=${CLANG:-clang}
if ! command -v "$clang" >/dev/null; then
	skip "C needs clang; on Debian: apt install clang lld wasi-libc libclang-rt-dev-wasm32"
elif "$clang" --target=wasm32-wasi ${WASI_SYSROOT:+--sysroot="$WASI_SYSROOT"} -O2 -o "$out/hello-c.wasm" examples/wasm/hello.c 2>"$out/.clang"; then
	task c
else
	skip "C: $clang cannot build for wasm32-wasi ($(head -n 1 "$out/.clang")); on Debian: apt install lld wasi-libc libclang-rt-dev-wasm32"
fi
rm -f "$out/.clang"

rustc=${RUSTC:-rustc}
if ! command -v "$rustc" >/dev/null; then
	skip "Rust needs rustc with the target wasm32-wasip1"
elif [ ! -d "$("$rustc" --print sysroot)/lib/rustlib/wasm32-wasip1" ]; then
	skip "Rust: rustc lacks the target; rustup target add wasm32-wasip1"
else
	"$rustc" --target wasm32-wasip1 -O -C strip=debuginfo -o "$out/hello-rust.wasm" examples/wasm/hello.rs
	task rust
fi
