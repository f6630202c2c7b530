package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

// hello is what the program says that does nothing else.
const hello = "hello\n"

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gauge:", err)
		os.Exit(1)
	}
}

// A Line is a table's head, or a row of the last one.
type Line struct {
	Table   string   `json:"table,omitempty"`
	Columns []string `json:"columns,omitempty"`
	Row     []any    `json:"row,omitempty"`
}

// A measurement writes tables.
type measurement struct {
	name string
	run  func(k *kit) error
}

func measurements() []measurement {
	return []measurement{
		{"attempt", attempts}, {"rate", rates}, {"reuse", reuse}, {"go", goGuest}, {"load", loading},
		{"compute", computing}, {"stop", stopping}, {"density", density},
	}
}

func run(args []string, out io.Writer) (err error) {
	f := flag.NewFlagSet("gauge", flag.ContinueOnError)
	worker := f.String("worker", "", "binary of workers")
	plugin := f.String("plugin", "", "binary of the plugin, to be measured as a worker too")
	short := f.Bool("short", false, "small numbers: prove that it works")
	rounds := f.Int("rounds", 0, "how often to measure rates; 0 means as often as it takes")
	module := f.String("module", "", "only write the module that says hello to this file")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *module != "" {
		return os.WriteFile(*module, moduletest.Hello(hello), 0o600)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	k, err := newKit(ctx, *worker, *plugin, *short, json.NewEncoder(out))
	if err != nil {
		return err
	}
	k.rounds = *rounds
	defer k.close()
	for _, m := range measurements() {
		if f.NArg() > 0 && !slices.Contains(f.Args(), m.name) {
			continue
		}
		if err := m.run(k); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return k.err
}
