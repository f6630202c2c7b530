package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/soltihq/solti-host/plugins/wasm/internal/inspect"
)

// inspectFile is what people start: it tells what is in a module. It returns the exit code.
func inspectFile(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return inspect.Main(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}
