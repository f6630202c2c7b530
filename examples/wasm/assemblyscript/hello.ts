// A program for the wasm runner, in AssemblyScript. With the packages of package-lock.json ("npm ci"):
//     npx asc hello.ts --config node_modules/@assemblyscript/wasi-shim/asconfig.json -O -o hello.wasm
import { errnoToString, fd_prestat_get, prestat } from "bindings/wasi_snapshot_preview1";

const greeting = process.env.has("GREETING") ? process.env.get("GREETING") : "hello";
const name = process.argv.length > 1 ? process.argv[1] : "world";
process.stdout.write(greeting + ", " + name + ", from AssemblyScript\n");

let lines = 0;
const chunk = new ArrayBuffer(4096);
for (let n = process.stdin.read(chunk); n > 0; n = process.stdin.read(chunk)) {
  const bytes = Uint8Array.wrap(chunk, 0, n);
  for (let i = 0; i < n; i++) if (bytes[i] == 0x0a) lines++;
}
process.stdout.write("lines of input: " + lines.toString() + "\n");

// The first mount would be descriptor 3. The shim knows no files, so preview 1 itself is asked.
const err = fd_prestat_get(3, changetype<prestat>(new ArrayBuffer(8)));
if (err) process.stderr.write("no files: " + errnoToString(err) + "\n");
