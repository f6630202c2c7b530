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

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, modes) }

// modes are what a child can do.
var modes = proctest.Modes{
	"exit": func() int {
		fmt.Fprint(os.Stderr, strings.Join(os.Args[3:], " "))
		var code int
		_, _ = fmt.Sscan(os.Args[2], &code)
		return code
	},
	"crash": func() int { panic("the child broke") },
	"block": func() int {
		for {
			time.Sleep(time.Hour)
		}
	},
	"flood": func() int {
		fmt.Fprintln(os.Stderr, "BEGIN")
		line := strings.Repeat("x", 1023) + "\n"
		for range 1024 {
			_, _ = io.WriteString(os.Stderr, line)
		}
		fmt.Fprintln(os.Stderr, "END")
		return 0
	},
	"facts": facts,
	"allocate": func() int {
		f := os.NewFile(FirstFile, "go")
		_, _ = f.Read(make([]byte, 1))
		block := make([]byte, 1<<30)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		runtime.KeepAlive(block)
		return 0
	},
	"spin": func() int {
		for i := 0; ; i++ {
			runtime.KeepAlive(i)
		}
	},
	"litter": func() int { // leaves a process that has its standard error and its group
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
func facts() int {
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
func parent() int {
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
