// A guest as a user would build it. It ends with a code, or in a panic where it is given what to panic with.
package main

import (
	"fmt"
	"os"
	"sort"
)

func main() {
	fmt.Println("hello from", os.Args)
	words := map[string]int{"a": 1, "b": 2, "c": 3}
	keys := make([]string, 0, len(words))
	for k := range words {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	fmt.Fprintf(os.Stderr, "%v %q %x\n", keys, os.Getenv("NAME"), 3.5)
	if len(os.Args) > 2 {
		panic(os.Args[2])
	}
	os.Exit(len(os.Args) + 6)
}
