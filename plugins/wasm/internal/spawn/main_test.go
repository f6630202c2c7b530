package spawn

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain serves as the children too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if mode, ok := modes[os.Args[1]]; ok {
			syscall.Exit(mode(os.Args[2:])) // the race detector sleeps for a second in os.Exit
		}
	}
	goleak.VerifyTestMain(m)
}

// modes are what a child can do.
var modes = map[string]func(args []string) int{
	"exit": func(args []string) int {
		fmt.Fprint(os.Stderr, strings.Join(args[1:], " "))
		var code int
		_, _ = fmt.Sscan(args[0], &code)
		return code
	},
	"crash": func([]string) int { panic("the child broke") },
	"block": func([]string) int {
		for {
			time.Sleep(time.Hour)
		}
	},
	"flood": func([]string) int {
		fmt.Fprintln(os.Stderr, "BEGIN")
		line := strings.Repeat("x", 1023) + "\n"
		for range 1024 {
			_, _ = io.WriteString(os.Stderr, line)
		}
		fmt.Fprintln(os.Stderr, "END")
		return 0
	},
	"facts": facts,
	"allocate": func([]string) int {
		f := os.NewFile(FirstFile, "go")
		_, _ = f.Read(make([]byte, 1))
		block := make([]byte, 1<<30)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		runtime.KeepAlive(block)
		return 0
	},
	"spin": func([]string) int {
		for i := 0; ; i++ {
			runtime.KeepAlive(i)
		}
	},
	"litter": func([]string) int { // leaves a process that has its standard error and its group
		cmd := exec.Command("/bin/sleep", "3600")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return 1
		}
		fmt.Fprint(os.Stderr, cmd.Process.Pid)
		return 0
	},
	"parent": parent,
}

// facts tells about itself on its first file.
func facts([]string) int {
	out := os.NewFile(FirstFile, "out")
	fmt.Fprintf(out, "env %q\n", os.Environ())
	fmt.Fprintf(out, "group %v\n", unix.Getpgrp() == os.Getpid())
	var death int
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, unix.PR_GET_PDEATHSIG, ptr(&death), 0)
	fmt.Fprintf(out, "death %d\n", death)
	for fd := range 20 {
		if link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			fmt.Fprintf(out, "fd %d %s\n", fd, strings.SplitN(link, ":", 2)[0])
		}
	}
	return 0
}

// parent starts a child that blocks, tells its number, and waits to be killed.
func parent([]string) int {
	s, err := New(1)
	if err != nil {
		return 1
	}
	p, err := s.Start(&Command{Args: []string{"block"}})
	if err != nil {
		return 1
	}
	fmt.Println(p.PID())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}
