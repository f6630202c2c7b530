// A program for the wasm runner, in C. On Debian, with clang, lld, wasi-libc and libclang-rt-dev-wasm32:
//     clang --target=wasm32-wasi -O2 -o hello.wasm hello.c
// With wasi-sdk: $WASI_SDK/bin/clang --target=wasm32-wasip1 -O2 -o hello.wasm hello.c
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
	const char *greeting = getenv("GREETING");
	printf("%s, %s, from C\n", greeting ? greeting : "hello", argc > 1 ? argv[1] : "world");
	int lines = 0;
	for (int c; (c = getchar()) != EOF;) lines += c == '\n';
	printf("lines of input: %d\n", lines);
	FILE *f = fopen("/etc/passwd", "r");
	if (!f) perror("no files");
	return 0;
}
