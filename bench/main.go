package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// A measurement prints what it finds to out.
type measurement struct {
	name string
	run  func(ctx context.Context, b *bench, out io.Writer) error
}

var measurements = []measurement{
	{"throughput", throughput}, {"output", outputRate}, {"state", stateSize}, {"idle", idle},
}

// A bench is what all measurements share.
type bench struct {
	bin   string // directory with solti-host and plugins/
	short bool   // prove that it works rather than measure
}

func run(args []string, out, errs io.Writer) int {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	b := &bench{}
	f.StringVar(&b.bin, "bin", "bin", "directory with solti-host and plugins/")
	f.BoolVar(&b.short, "short", false, "small numbers: prove that it works")
	if err := f.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, m := range measurements {
		if f.NArg() > 0 && !slices.Contains(f.Args(), m.name) {
			continue
		}
		fmt.Fprintf(out, "== %s\n", m.name)
		if err := m.run(ctx, b, out); err != nil {
			fmt.Fprintf(errs, "bench %s: %v\n", m.name, err)
			return 1
		}
	}
	return 0
}
