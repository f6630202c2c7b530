package doctor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/soltihq/solti-host/plugins/wasm/internal/screen"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
)

// Mode is the argument that makes the plugin's binary look at the machine.
const Mode = "doctor"

// Exit codes.
const (
	exitGood    = 0
	exitNotGood = 1 // something is worse or missing
	exitMisuse  = 2
	exitUnknown = 4 // it could not be said
)

const usage = `usage: solti-runner-wasm doctor [flags]

Tells whether this machine has what this runner wants, and what to do where it has not. It speaks of where it is
started: a service or a container may be allowed less. The exit code is 0 if all is good, 1 if not, and 2 if it was
not asked properly.

`

// Main looks at the machine. Args follow [Mode]. It returns the exit code.
func Main(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	f := flag.NewFlagSet(Mode, flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() {
		_, _ = io.WriteString(errs, usage)
		f.PrintDefaults()
	}
	format := f.String("o", "", "json, or text for people if it is not given")
	from := f.String("settings", "", "file with the runner's settings as JSON, - for standard input")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitGood
	case err != nil:
		return exitMisuse // it has said why
	}
	s, err := settings.Read(*from, in)
	switch {
	case err != nil:
	case f.NArg() > 0:
		err = fmt.Errorf("%q: it takes no arguments", f.Arg(0))
	case *format != "" && *format != "json":
		err = fmt.Errorf("-o: %q is not json", *format)
	}
	if err != nil {
		fmt.Fprintf(errs, "solti-runner-wasm doctor: %v\n", err)
		return exitMisuse
	}
	r := Look(ctx, s)
	err = context.Cause(ctx)
	if err == nil {
		err = r.print(out, *format == "json")
	}
	switch {
	case err != nil:
		fmt.Fprintf(errs, "solti-runner-wasm doctor: %v\n", err)
		return exitUnknown
	case !r.Good:
		return exitNotGood
	}
	return exitGood
}

func (r *Report) print(out io.Writer, asJSON bool) error {
	if !asJSON {
		return r.write(out)
	}
	return screen.JSON(out, r)
}
