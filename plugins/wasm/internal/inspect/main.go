package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/soltihq/solti-host/plugins/wasm/internal/screen"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// Mode is the argument that makes the plugin's binary inspect a file.
const Mode = "inspect"

// Exit codes.
const (
	exitTaken   = 0
	exitRefused = 1 // the runner would not take it
	exitMisuse  = 2 // arguments or settings are wrong, or there is no such file
	exitUnknown = 4 // nobody knows: what was to read it failed
)

const usage = `usage: solti-runner-wasm inspect [flags] FILE

Tells what is in a WebAssembly module, and whether this runner would take it. The exit code is 0 if it would,
1 if not, 2 if it was not asked properly, and 4 if the file could not be inspected.

`

// Main inspects the file that args name, the first of which follows [Mode]. It returns the exit code.
func Main(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	c, err := parse(args, in, errs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitTaken
	case err != nil:
		fmt.Fprintf(errs, "solti-runner-wasm inspect: %v\n", err)
		return exitMisuse
	}
	report, err := Look(ctx, c.file, c.options)
	if err == nil {
		err = c.print(out, report)
	}
	switch {
	case errors.As(err, new(*os.PathError)):
		fmt.Fprintf(errs, "solti-runner-wasm inspect: %v\n", err)
		return exitMisuse
	case err != nil:
		fmt.Fprintf(errs, "solti-runner-wasm inspect: %v\n", err)
		return exitUnknown
	case !report.Taken:
		return exitRefused
	}
	return exitTaken
}

// A call is what the arguments ask for.
type call struct {
	file    string
	json    bool
	options Options
}

func (c *call) print(out io.Writer, r *Report) error {
	if !c.json {
		return r.write(out)
	}
	return screen.JSON(out, r)
}

// parse reads the arguments. Flags may stand on either side of the file.
func parse(args []string, in io.Reader, errs io.Writer) (*call, error) {
	c := new(call)
	f := flag.NewFlagSet(Mode, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {
		fmt.Fprint(errs, usage)
		f.SetOutput(errs)
		f.PrintDefaults()
		f.SetOutput(io.Discard)
	}
	format := f.String("o", "", "json, or text for people if it is not given")
	from := f.String("settings", "", "file with the runner's settings as JSON, - for standard input")
	entry := f.String("entry", "", "entry point of the task")
	memory := f.String("memory", "", "limits.memory of the task, such as 512MiB")
	normalize := f.Bool("normalize", true, "normalize of the task")
	features := f.String("features", "", "features of the task, separated by commas")
	f.BoolVar(&c.options.Compile, "compile", false, "compile it too, which tells whether its code is valid")
	for rest := args; ; {
		if err := f.Parse(rest); err != nil {
			return nil, err
		}
		if rest = f.Args(); len(rest) == 0 {
			break
		}
		if c.file != "" {
			return nil, fmt.Errorf("one file at a time, please: %q and %q", c.file, rest[0])
		}
		c.file, rest = rest[0], rest[1:]
	}
	switch {
	case c.file == "":
		return nil, errors.New("FILE is missing; see --help")
	case *format != "" && *format != "json":
		return nil, fmt.Errorf("-o: %q is not json", *format)
	}
	c.json = *format == "json"
	var err error
	if c.options.Settings, err = settings.Read(*from, in); err != nil {
		return nil, err
	}
	c.options.Workload, err = asked(*entry, *memory, *normalize, *features)
	return c, err
}

// asked returns a task as the flags describe it.
func asked(entry, memory string, normalize bool, features string) (*workload.Workload, error) {
	const someDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	spec := map[string]any{"module": map[string]any{"digest": someDigest}, "normalize": normalize}
	if entry != "" {
		spec["entryPoint"] = entry
	}
	if memory != "" {
		spec["limits"] = map[string]any{"memory": memory}
	}
	if features != "" {
		spec["features"] = strings.Split(features, ",")
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	w, err := workload.Parse(&sdk.Spec{APIVersion: workload.APIVersion, Kind: workload.Kind, Raw: raw})
	if err != nil {
		return nil, fmt.Errorf("the task that the flags stand for: %w", err)
	}
	return w, nil
}
