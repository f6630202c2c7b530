package e2e

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// envDenied makes this test binary run its arguments as a program where memory that was written may not be
// executed, as systemd's MemoryDenyWriteExecute does.
const envDenied = "SOLTI_E2E_DENIED"

// exitNotDenied says that the kernel does not know how.
const exitNotDenied = 75

// becomeDenied does what envDenied asks for. It does not return if it was asked.
func becomeDenied() {
	if os.Getenv(envDenied) == "" {
		return
	}
	if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err != nil {
		fmt.Println(err)
		os.Exit(exitNotDenied)
	}
	err := syscall.Exec(os.Args[1], os.Args[1:], os.Environ()) //nolint:gosec // what a test of ours says
	fmt.Println(err)
	os.Exit(1)
}
