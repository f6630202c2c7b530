package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// A measurement reports what it finds to b.report.
type measurement struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

func measurements() []measurement {
	return []measurement{
		{"throughput", throughput}, {"latency", latency}, {"output", outputRate}, {"state", stateSize}, {"idle", idle},
		{"wasm", wasm},
	}
}

// A bench is what all measurements share.
type bench struct {
	bin     string // directory with solti-host and plugins/
	short   bool   // prove that it works rather than measure
	profile string // directory for profiles; empty means none
	report  *report
}

// size returns full, or short where nothing is to be measured.
func (b *bench) size(full, short int) int {
	if b.short {
		return short
	}
	return full
}

func run(args []string, out, errs io.Writer) int {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errs)
	b := &bench{report: newReport(out)}
	f.StringVar(&b.bin, "bin", "bin", "directory with solti-host and plugins/")
	f.BoolVar(&b.short, "short", false, "small numbers: prove that it works")
	f.StringVar(&b.profile, "profile", "", "record the processes of throughput, output and wasm with perf once more, into this directory")
	file := f.String("json", "", "write the tables to this file as well")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if err := known(f.Args()); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.all(ctx, f.Args()); err != nil {
		fmt.Fprintf(errs, "bench %v\n", err)
		return 1
	}
	if *file == "" {
		return 0
	}
	if err := b.report.write(*file); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return 1
	}
	return 0
}

// all runs the measurements of those names, or all if there are none.
func (b *bench) all(ctx context.Context, names []string) error {
	for _, m := range measurements() {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		b.report.begin(m.name)
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func known(names []string) error {
	var all []string
	for _, m := range measurements() {
		all = append(all, m.name)
	}
	for _, n := range names {
		if !slices.Contains(all, n) {
			return fmt.Errorf("no measurement %q: there are %s", n, strings.Join(all, ", "))
		}
	}
	return nil
}
