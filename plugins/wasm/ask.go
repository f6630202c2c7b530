package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/soltihq/solti-host/plugins/wasm/internal/doctor"
	"github.com/soltihq/solti-host/plugins/wasm/internal/inspect"
)

// An answer is what people who start the plugin themselves are told. It returns the exit code.
type answer func(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int

// answers returns them by the argument that asks for them.
func answers() map[string]answer {
	return map[string]answer{inspect.Mode: inspect.Main, doctor.Mode: doctor.Main}
}

// tell gives an answer.
func (a answer) tell(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return a(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}
