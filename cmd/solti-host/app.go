package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/client"
	"github.com/soltihq/solti-host/host/task"
)

// An app is one call of the program: where it reads and writes, and what its flags said.
type app struct {
	in   io.Reader
	out  io.Writer // results
	errs io.Writer // everything else
	env  []string

	stateDir string // of the host to talk to
	endpoint string // of the host to talk to; wins over stateDir
	format   format // of results
}

// root returns the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "solti-host",
		Short: "Run tasks with runner plugins",
		Long: `solti-host runs tasks with runner plugins: programs called solti-runner-NAME in a plugins directory.

Start with "solti-host run SPEC", which needs no server, or with "solti-host serve" in one terminal and
"solti-host apply -f SPEC" in another.`,
		Example:       "  solti-host run examples/specs/hello.yaml",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return misuse(c, flagError(c, err)) })
	group(root, "Without a server:", a.runSpec(), a.validate(), a.wasm())
	group(root, "The server:", a.serve(), a.plugin())
	group(root, "Tasks of a server:",
		a.apply(), a.create(), a.get(), a.list(), a.runs(), a.logs(), a.wait(), a.cancel(), a.delete())
	root.AddCommand(a.version())
	completion(root)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for _, c := range descendants(root) {
		strictArgs(c)
	}
	return root
}

// group adds commands to root that help shows below a title.
func group(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
		root.AddCommand(c)
	}
}

// descendants returns c and every command below it.
func descendants(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, descendants(sub)...)
	}
	return all
}

// strictArgs makes wrong arguments a misuse of c, and helps with commands that are not there.
func strictArgs(c *cobra.Command) {
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		switch {
		case c.HasSubCommands() && len(args) > 0:
			err := fmt.Errorf("%s has no command %q", c.CommandPath(), args[0])
			var names []string
			for _, sub := range c.Commands() {
				names = append(names, sub.Name())
			}
			if like := task.Closest(args[0], names); like != "" {
				err = fmt.Errorf("%w; did you mean %s?", err, like)
			}
			return misuse(c, err)
		case check == nil:
			return nil
		}
		if err := check(c, args); err != nil {
			return misuse(c, err)
		}
		return nil
	}
}

// some wants at least one argument and names it; one wants exactly one.
func some(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s is missing", what)
		}
		return nil
	}
}

func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("one %s at a time, please", what)
		}
		return some(what)(nil, args)
	}
}

// none takes no argument.
func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q is one argument too many", args[0])
	}
	return nil
}

// hostFlags adds the flags by which a command finds its host.
func (a *app) hostFlags(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.stateDir, "state-dir", "", "state directory of the host (default $SOLTI_STATE_DIR, or the usual place)")
	c.Flags().StringVar(&a.endpoint, "endpoint", "", "address of the host, such as http://127.0.0.1:7390; the token comes from $SOLTI_TOKEN (default $SOLTI_ENDPOINT)")
	_ = c.MarkFlagDirname("state-dir")
	_ = c.RegisterFlagCompletionFunc("endpoint", cobra.NoFileCompletions)
	return c
}

// connect returns a client for the host that the flags or the environment name.
func (a *app) connect() (*client.Client, error) {
	o := client.Options{Endpoint: a.endpoint, StateDir: a.stateDir}
	if o.Endpoint != "" && o.StateDir != "" {
		return nil, misuseError{err: errors.New("--endpoint and --state-dir each name a host: give one of them")}
	}
	if o.Endpoint == "" && o.StateDir == "" {
		o.Endpoint, o.StateDir = a.getenv("SOLTI_ENDPOINT"), a.getenv("SOLTI_STATE_DIR")
	}
	if o.Endpoint != "" {
		o.Token = a.getenv("SOLTI_TOKEN")
		c, err := client.New(o)
		if err != nil {
			return nil, misuseError{err: err}
		}
		return c, nil
	}
	if o.StateDir == "" {
		dir, err := host.DefaultStateDir(a.env)
		if err != nil {
			return nil, err
		}
		o.StateDir = dir
	}
	return client.New(o)
}

func (a *app) getenv(name string) string {
	for _, e := range a.env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// open returns the file called name, or standard input for "-".
func (a *app) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, misuseError{err: errors.New(fileError(name, err))}
	}
	return f, nil
}

// fileError says what is wrong with a file, its name first and once.
func fileError(name string, err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return name + ": " + err.Error()
}
