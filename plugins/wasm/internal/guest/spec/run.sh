#!/usr/bin/env bash
# Runs the suites of the WebAssembly specification that come with wazero, both engines, at the version of go.mod, in a
# copy of its sources, and records version and result in the file suites.txt beside this script.
#
# To be run when the version of wazero changes: make wasm-spec. It takes a minute or two.
set -euo pipefail

go=${GO:-go}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
version=$("$go" list -m -f '{{.Version}}' github.com/tetratelabs/wazero)
"$go" mod download github.com/tetratelabs/wazero
copy=$(mktemp -d)
trap 'chmod -R u+w "$copy" && rm -rf "$copy"' EXIT
cp -r "$("$go" list -m -f '{{.Dir}}' github.com/tetratelabs/wazero)/." "$copy"
chmod -R u+w "$copy"

status=0
out=$("$go" -C "$copy" test -count=1 -timeout=20m ./internal/integration_test/spectest/... 2>&1) || status=$?
echo "$out"
[ "$status" -eq 0 ] || { echo "the suites fail with wazero $version; nothing is recorded" >&2; exit "$status"; }
{
	echo "wazero $version"
	echo "$out" | awk '$1 == "ok" && split($2, part, "/spectest/") == 2 { print "ok", part[2] }'
} >suites.txt
