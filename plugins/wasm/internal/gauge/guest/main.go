// A program for WASI, and as a native peer: it says hello, or computes as often as its argument says.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Println("hello from Go")
		return
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Println(compute(n))
}

// compute does n times a hash of 64 KiB and a sieve of a million numbers.
func compute(n int) string {
	block := make([]byte, 64<<10)
	primes := 0
	for range n {
		sum := sha256.Sum256(block)
		copy(block, sum[:])
		primes += sieve(1 << 20)
	}
	return fmt.Sprintf("%x %d", block[:4], primes)
}

// composite is reused, so that what is measured is not the collector.
var composite [1 << 20]bool

func sieve(limit int) (primes int) {
	clear(composite[:])
	for i := 2; i < limit; i++ {
		if composite[i] {
			continue
		}
		primes++
		for k := i * i; k < limit; k += i {
			composite[k] = true
		}
	}
	return primes
}
