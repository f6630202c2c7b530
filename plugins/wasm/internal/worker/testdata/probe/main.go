// Probe is run as a guest. Its argument says what it does.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

func main() {
	switch os.Args[1] {
	case "files":
		files()
	case "panic":
		panic("as asked")
	case "chance":
		chance()
	}
}

func check(ok bool, format string, args ...any) {
	if !ok {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		os.Exit(1)
	}
}

func files() {
	check(os.Getenv("KEY") == "value", "KEY is %q", os.Getenv("KEY"))
	in, err := io.ReadAll(os.Stdin)
	check(err == nil && string(in) == "from stdin", "stdin %q, %v", in, err)

	b, err := os.ReadFile("/in/greeting")
	check(err == nil && string(b) == "hello", "greeting %q, %v", b, err)
	_, err = os.ReadFile("/in/secret")
	check(errors.Is(err, syscall.EPERM), "a link that leads out: %v", err)
	_, err = os.ReadFile("/in/../../etc/passwd")
	check(err != nil, "a path that leads out was opened")
	err = os.WriteFile("/in/new", nil, 0o666)
	check(errors.Is(err, syscall.EROFS), "writing where nothing may be written: %v", err)
	err = os.Symlink("x", "/out/link")
	check(errors.Is(err, fs.ErrPermission), "a link: %v", err)

	err = os.MkdirAll("/out/a/b", 0o777)
	check(err == nil, "mkdir: %v", err)
	for i := range 100 {
		err = os.WriteFile(fmt.Sprintf("/out/a/b/%03d", i), []byte("x"), 0o666)
		check(err == nil, "write: %v", err)
	}
	list, err := os.ReadDir("/out/a/b")
	check(err == nil && len(list) == 100 && list[99].Name() == "099", "%d entries, %v", len(list), err)
	check(os.RemoveAll("/out/a") == nil, "remove all")
	err = os.WriteFile("/out/large", make([]byte, 2<<20), 0o666)
	check(errors.Is(err, syscall.ENOSPC), "beyond the quota: %v", err)
	check(os.Remove("/out/large") == nil, "remove")
	check(os.WriteFile("/out/draft", []byte("done"), 0o666) == nil, "write")
	check(os.Rename("/out/draft", "/out/result") == nil, "rename")

	begin := time.Now()
	time.Sleep(20 * time.Millisecond)
	check(time.Since(begin) >= 20*time.Millisecond && time.Since(begin) < 20*time.Second, "slept %v", time.Since(begin))
}

func chance() {
	var b [16]byte
	_, _ = rand.Read(b[:])
	time.Sleep(time.Hour)
	fmt.Printf("%x %s\n", b, time.Now().UTC())
	m := map[int]int{}
	for i := range 100 {
		m[i] = i
	}
	for k := range m {
		fmt.Print(k, " ")
	}
}
