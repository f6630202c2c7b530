package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host"
)

// wasmRunner is the plugin that knows WebAssembly. This program knows nothing of it but what it can be asked.
const wasmRunner = "wasm"

func (a *app) wasm() *cobra.Command {
	c := &cobra.Command{
		Use:     "wasm",
		Short:   "Look at WebAssembly modules, and at what this machine has for them",
		Long:    "Look at WebAssembly modules, and at what this machine has for them, with the wasm runner.",
		Example: "  solti-host wasm inspect hello.wasm",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.wasmInspect(), a.wasmDoctor())
	return c
}

func (a *app) wasmInspect() *cobra.Command {
	c := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Tell what is in a module, and whether the wasm runner would take it",
		Long: `Tell what is in the module FILE, and whether the wasm runner would take it, with every reason why not. No host
is needed: the plugin's binary is started, with its settings from the configuration file.

The exit code is 0 if the runner would take it, 1 if not, 2 if there is no such file or a flag is wrong, and 4 if the
plugin is missing or failed.`,
		Example: `  solti-host wasm inspect hello.wasm
  solti-host wasm inspect -o json --memory 512MiB --compile build/app.wasm`,
		Args: one("FILE"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	options := a.wasmOptions(c)
	c.Flags().String("entry", "", "entry point of the task (default _start)")
	c.Flags().String("memory", "", "limits.memory of the task (default 256MiB)")
	c.Flags().String("features", "", "features of the task, separated by commas")
	c.Flags().Bool("normalize", true, "normalize of the task")
	c.Flags().Bool("compile", false, "compile it too, which tells whether its code is valid")
	c.RunE = func(c *cobra.Command, args []string) error {
		o, err := options()
		if err != nil {
			return err
		}
		var call []string
		for _, name := range []string{"entry", "memory", "features", "normalize", "compile"} {
			if f := c.Flags().Lookup(name); f.Changed {
				call = append(call, "--"+name+"="+f.Value.String())
			}
		}
		return a.askWasm(c.Context(), o, "inspect", append(call, "--", args[0])...)
	}
	return a.documentFlag(c)
}

func (a *app) wasmDoctor() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Tell whether this machine has what the wasm runner wants",
		Long: `Tell whether this machine has what the wasm runner wants, with what each lack means and what to do about it. A module
is run for it. No host is needed: the plugin's binary is started, with its settings from the configuration file.

What it says holds where it is started. A service may be allowed less than a shell: ask there, such as with
"systemd-run --pipe -p MemoryDenyWriteExecute=yes solti-host wasm doctor".

The exit code is 0 if all is good, 1 if something is worse or missing, 2 if a flag or a setting is wrong, and 4 if the
plugin is missing or failed.`,
		Example: "  solti-host wasm doctor --config /etc/solti-host/config.yaml",
		Args:    none,
	}
	options := a.wasmOptions(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		o, err := options()
		if err != nil {
			return err
		}
		return a.askWasm(c.Context(), o, "doctor")
	}
	return a.documentFlag(c)
}

// wasmOptions adds the flags that say where the plugin and its settings are, and returns what a later call finds.
func (a *app) wasmOptions(c *cobra.Command) func() (host.Options, error) {
	var others []string
	for _, s := range host.Settings() {
		if s.Flag != "plugin-dir" {
			others = append(others, s.Flag)
		}
	}
	source := a.settings(c, others...)
	return func() (host.Options, error) {
		from := source()
		from.Flags["state-dir"] = "/" // nothing is kept
		o, err := host.LoadConfig(from)
		if err != nil {
			return o, misuseError{err: err}
		}
		return o, nil
	}
}

// askWasm has the plugin answer, and shows what it says.
func (a *app) askWasm(ctx context.Context, o host.Options, mode string, args ...string) error {
	path, err := host.PluginFile(o, wasmRunner)
	if err != nil {
		return missingRunner{err}
	}
	call := []string{mode, "--settings=-"}
	if a.documents() {
		call = append(call, "-o=json")
	}
	settings := []byte(o.Plugins[wasmRunner].Settings)
	if len(settings) == 0 {
		settings = []byte("{}")
	}
	var document bytes.Buffer
	cmd := exec.CommandContext(ctx, path, append(call, args...)...) //nolint:gosec // checked as what a host starts
	cmd.Env = []string{"PATH=" + a.getenv("PATH"), "TMPDIR=" + a.getenv("TMPDIR")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(settings), io.Writer(&document), a.errs
	if !a.documents() {
		cmd.Stdout = a.out
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = askGrace
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case errors.As(err, &exit) && (exit.ExitCode() == exitMisuse || exit.ExitCode() == exitInfra):
		return exitError(exit.ExitCode()) // it has said why
	case err != nil && (exit == nil || exit.ExitCode() != exitFailed):
		return fmt.Errorf("%s %s: %w", path, mode, err)
	}
	if a.documents() {
		if !json.Valid(document.Bytes()) {
			return fmt.Errorf("%s %s: what it says is not JSON", path, mode)
		}
		if err := a.show(json.RawMessage(document.Bytes()), nil); err != nil {
			return err
		}
	}
	if exit != nil {
		return exitError(exitFailed)
	}
	return nil
}

// askGrace is how long the plugin may take to end when it is asked to.
const askGrace = 5 * time.Second

// A missingRunner says that the plugin is not there, which is not the file's fault.
type missingRunner struct{ error }

// Hint is the next step.
func (missingRunner) Hint() string {
	return "--plugin-dir or $SOLTI_PLUGIN_DIR names the directory with solti-runner-wasm"
}
