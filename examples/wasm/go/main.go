// A program for the wasm runner, in Go: GOOS=wasip1 GOARCH=wasm go build -o hello.wasm ./examples/wasm/go
//
// It shows what a module gets: arguments, variables and standard input of its task, and no files unless
// some are mounted.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func main() {
	name := "world"
	if len(os.Args) > 1 {
		name = strings.Join(os.Args[1:], " ")
	}
	fmt.Printf("%s, %s, from Go\n", greeting(), name)
	lines := 0
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		lines++
	}
	fmt.Printf("lines of input: %d\n", lines)
	if _, err := os.ReadDir("/"); err != nil {
		fmt.Fprintln(os.Stderr, "no files:", err)
	}
}

func greeting() string {
	if g := os.Getenv("GREETING"); g != "" {
		return g
	}
	return "hello"
}
