package plugin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/plugin/launch"
)

// Options are what a Set works with.
type Options struct {
	Dir         string              // the plugins directory
	RunDir      string              // for sockets; made if needed, must belong to us alone. Short: see Open
	StateDir    string              // the host's state directory, which the caller holds locked
	Order       []string            // names of plugins that are registered first, in this order
	Plugins     map[string]Settings // by name; none are needed
	HostID      string              // of the state directory: [A-Za-z0-9-]{1,64}
	HostVersion string
	Log         hclog.Logger // nil means none
	Observer    Observer     // nil means none
	// Subreaper makes this process adopt and reap the orphans of plugins. It is for programs that
	// are a host and nothing else.
	Subreaper bool
	Timing    Timing
}

// Settings are what the operator says of one plugin. Their zero value is good.
type Settings struct {
	Disabled     bool
	Required     bool              // shown in the status; readiness is the caller's affair
	Labels       map[string]string // win over those of the plugin
	Env          map[string]string // of the plugin's process
	TaskEnv      map[string]string // of everything the plugin runs
	Args         []string
	StartTimeout time.Duration   // 0 means Timing.Start
	Settings     json.RawMessage `json:",omitempty"` // for the plugin itself: one JSON object; nil means none
}

// Timing holds all waits. Zero fields mean the defaults that the package documentation lists.
type Timing struct {
	Start      time.Duration // of a process, up to its first line
	Probe      time.Duration // of the first Name
	Call       time.Duration // of Supports, StopTask and ReleaseTask
	Build      time.Duration // of BuildTask
	StopSlack  time.Duration // from the end of an attempt's grace to force, and from there to the question for a sign of life
	Grace      time.Duration // of a plugin's process
	FenceRetry time.Duration // of one try to kill what is left; it is repeated
	Release    time.Duration // for which handles are collected
	Liveness   Liveness
	Crash      CrashPolicy
}

// Liveness says how a plugin that hangs is found.
type Liveness struct {
	Every    time.Duration // between questions
	Deadline time.Duration // of an answer
	Misses   int           // in a row
}

func (t Timing) withDefaults() Timing {
	t.Start = cmp.Or(t.Start, 15*time.Second)
	t.Probe = cmp.Or(t.Probe, 2*time.Second)
	t.Call = cmp.Or(t.Call, 2*time.Second)
	t.Build = cmp.Or(t.Build, 10*time.Second)
	t.StopSlack = cmp.Or(t.StopSlack, 5*time.Second)
	t.Grace = cmp.Or(t.Grace, 10*time.Second)
	t.FenceRetry = cmp.Or(t.FenceRetry, 10*time.Second)
	t.Release = cmp.Or(t.Release, 50*time.Millisecond)
	t.Liveness.Every = cmp.Or(t.Liveness.Every, 10*time.Second)
	t.Liveness.Deadline = cmp.Or(t.Liveness.Deadline, 2*time.Second)
	t.Liveness.Misses = cmp.Or(t.Liveness.Misses, 3)
	t.Crash = t.Crash.withDefaults()
	return t
}

var (
	hostIDPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	envPattern    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
)

// socketRoom is how many bytes a launch directory and a socket add to RunDir: "/p99999" and
// "/plugin4294967295".
const socketRoom = 7 + 17

// checked returns o with defaults and absolute paths, or all that is wrong with it.
func (o Options) checked() (Options, error) {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, d := range []struct {
		name string
		path *string
	}{{"plugins directory", &o.Dir}, {"run directory", &o.RunDir}, {"state directory", &o.StateDir}} {
		abs, err := filepath.Abs(*d.path)
		if *d.path == "" || err != nil {
			bad("the %s is not given", d.name)
			continue
		}
		*d.path = abs
	}
	if !hostIDPattern.MatchString(o.HostID) {
		bad("host id %q does not match %s", o.HostID, hostIDPattern)
	}
	if n := len(o.RunDir) + socketRoom; n > launch.MaxSocketPath {
		bad("run directory %s: sockets in it would have paths of %d bytes, at most %d are possible: choose a shorter directory",
			o.RunDir, n, launch.MaxSocketPath)
	}
	for name, s := range o.Plugins {
		for _, env := range []map[string]string{s.Env, s.TaskEnv} {
			for key, value := range env {
				if err := checkEnv(key, value); err != nil {
					bad("plugin %s: %w", name, err)
				}
			}
		}
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	o.Timing = o.Timing.withDefaults()
	return o, errors.Join(problems...)
}

func checkEnv(key, value string) error {
	switch {
	case !envPattern.MatchString(key):
		return fmt.Errorf("environment variable %q: not a name", key)
	case reserved(key):
		return fmt.Errorf("environment variable %s: names that begin with SOLTI_ or PLUGIN_ belong to the host", key)
	case strings.ContainsRune(value, 0):
		return fmt.Errorf("environment variable %s: its value holds a zero byte", key)
	}
	return nil
}

func reserved(key string) bool {
	return strings.HasPrefix(key, "SOLTI_") || strings.HasPrefix(key, "PLUGIN_")
}

// privateDir makes a directory that belongs to us alone, and returns it without symlinks.
func privateDir(path string) (string, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("%s is writable for group or others (mode %04o): chmod go-w %s", real, info.Mode().Perm(), real)
	}
	return real, ownedByUs(real, info)
}
