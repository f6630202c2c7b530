package workload

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/process"
	"github.com/soltihq/solti-host/sdk"
)

// Kind of the workload.
const (
	APIVersion = "solti.io/v1"
	Kind       = "Subprocess"
)

// Schema is the JSON Schema of a [Workload].
//
//go:embed schema.json
var Schema []byte

// Limits, in bytes.
const (
	MaxBody = 2 << 20     // of a script
	MaxText = 128<<10 - 1 // of one argument, or of NAME=VALUE; more the Linux kernel does not take
	MaxPath = 4096 - 1    // of a path
	maxEnv  = 4096        // variables
	maxArgs = 65536       // arguments
	absent  = "must be absent where script is given"
	noNUL   = "must not hold a NUL byte"
	tooLong = "is %d bytes long, at most %d are allowed; pass large data by a file"
)

// A Workload says what an attempt runs. Exactly one of Command and Script is given.
type Workload struct {
	Command       *string           `json:"command"`
	Args          []string          `json:"args"`
	Script        *Script           `json:"script"`
	Env           map[string]string `json:"env"`
	Cwd           *string           `json:"cwd"`
	FailOnNonZero *bool             `json:"failOnNonZero"`
}

// A Script is run by its interpreter.
type Script struct {
	Interpreter *string  `json:"interpreter"`
	Body        *string  `json:"body"`
	Args        []string `json:"args"`
}

// Parse reads and checks a task's workload. Its errors name all fields at fault.
func Parse(spec *sdk.Spec) (*Workload, error) {
	w := new(Workload)
	if err := spec.Decode(w); err != nil {
		return nil, err
	}
	if w.Command == nil && w.Script == nil {
		return nil, sdk.MissingField("command")
	}
	var v sdk.Violations
	w.check(&v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	return w, nil
}

// Fails reports whether an exit code other than 0 is a failure.
func (w *Workload) Fails() bool { return w.FailOnNonZero == nil || *w.FailOnNonZero }

// Program returns what to execute, the script it is to run, nil for none, and the arguments after these.
func (w *Workload) Program() (name string, script *string, args []string) {
	if w.Script != nil {
		return *w.Script.Interpreter, w.Script.Body, w.Script.Args
	}
	return *w.Command, nil, w.Args
}

// Dir returns the working directory.
func (w *Workload) Dir() string {
	if w.Cwd == nil {
		return "/"
	}
	return *w.Cwd
}

func (w *Workload) check(v *sdk.Violations) {
	if w.Script != nil {
		w.checkScript(v)
	} else {
		checkProgram(v, "command", *w.Command)
		checkArgs(v, "args", w.Args)
	}
	checkEnv(v, w.Env)
	if w.Cwd != nil {
		checkDir(v, *w.Cwd)
	}
}

func (w *Workload) checkScript(v *sdk.Violations) {
	if w.Command != nil {
		v.Add("command", absent)
	}
	if w.Args != nil {
		v.Add("args", absent+"; use script.args")
	}
	if w.Script.Interpreter == nil {
		v.Add("script.interpreter", "is required")
	} else {
		checkProgram(v, "script.interpreter", *w.Script.Interpreter)
	}
	switch body := w.Script.Body; {
	case body == nil:
		v.Add("script.body", "is required")
	case *body == "":
		v.Add("script.body", "must not be empty")
	case len(*body) > MaxBody:
		v.Add("script.body", tooLong, len(*body), MaxBody)
	case !utf8.ValidString(*body):
		v.Add("script.body", "must be UTF-8")
	}
	checkArgs(v, "script.args", w.Script.Args)
}

func checkProgram(v *sdk.Violations, path, name string) {
	switch {
	case strings.TrimSpace(name) == "":
		v.Add(path, "must not be blank")
	case strings.Contains(name, "\x00"):
		v.Add(path, noNUL)
	case len(name) > MaxPath:
		v.Add(path, tooLong, len(name), MaxPath)
	}
}

func checkArgs(v *sdk.Violations, path string, args []string) {
	if len(args) > maxArgs {
		v.Add(path, "holds %d arguments, at most %d are allowed", len(args), maxArgs)
		return
	}
	for i, arg := range args {
		switch {
		case strings.Contains(arg, "\x00"):
			v.Add(item(path, i), noNUL)
		case len(arg) > MaxText:
			v.Add(item(path, i), tooLong, len(arg), MaxText)
		}
	}
}

func checkDir(v *sdk.Violations, dir string) {
	switch {
	case !strings.HasPrefix(dir, "/"):
		v.Add("cwd", "%q must be absolute, such as /srv/app", dir)
	case strings.Contains(dir, "\x00"):
		v.Add("cwd", noNUL)
	case len(dir) > MaxPath:
		v.Add("cwd", tooLong, len(dir), MaxPath)
	}
}

// reserved are the variables that the runner sets itself.
var reserved = map[string]bool{
	process.EnvRunID: true, process.EnvTask: true, process.EnvAttempt: true, process.EnvHostID: true,
}
