// A guest of more than 1 MB, as a real toolchain makes it.
package main

import "fmt"

func main() { fmt.Println("hello from Go") }
