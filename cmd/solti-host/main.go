// Solti-host runs tasks with runner plugins: as a server, or one task at a time without one.
//
// This package only reads arguments and prints: serve and run join a host from its configuration
// and start it, every other command asks a running host through package client. Results go to
// standard output, everything else to standard error; exit.go has the exit codes.
//
// The first SIGINT or SIGTERM ends a command in order, the second at once.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal has its usual effect, unless a command wants it
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: out, errs: errs, env: os.Environ()}
	root := a.root()
	root.SetArgs(args)
	return a.exit(root.ExecuteContext(ctx))
}
