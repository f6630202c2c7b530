package host

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/config"
	"github.com/soltihq/solti-host/host/internal/discovery"
)

// A Setting describes one knob of a host's configuration, for programs that offer it as a flag.
type Setting struct {
	Flag    string // name of the flag, without dashes
	Env     string // name of the environment variable
	Key     string // its place in the configuration file
	Usage   string // one line for people
	Default string // as text; empty means that the default depends on the machine, or is an empty list
}

// Settings returns the knobs of a host's configuration in the order in which people should read them.
func Settings() []Setting {
	var all []Setting
	for _, s := range config.Settings() {
		all = append(all, Setting{Flag: s.Flag(), Env: s.Env(), Key: s.Key, Usage: s.Usage, Default: s.Default})
	}
	return all
}

// DefaultStateDir returns the state directory of a host to which nobody has given one, in an
// environment as [os.Environ] returns it: the system's for root, else the user's own.
func DefaultStateDir(env []string) (string, error) {
	return config.DefaultStateDir(os.Geteuid() == 0, env)
}

// A ConfigSource says where a host's settings come from.
type ConfigSource struct {
	File     string            // path of a YAML file; empty means none
	Env      []string          // NAME=value, as [os.Environ] returns it
	Flags    map[string]string // by Setting.Flag, only those that were given; they win over Env, that over File
	Defaults map[string]string // by Setting.Key; they win over Setting.Default
	Log      io.Writer         // where the host logs, as the settings say; nil means nowhere
	Version  string            // of the program
}

// LoadConfig joins the settings that s names into the options of a host. It creates nothing. If
// anything is wrong, its error is a [task.FieldErrors] with all problems, whose paths name the
// flag, the variable, or the file with the key that is at fault.
func LoadConfig(s ConfigSource) (Options, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Options{}, fmt.Errorf("find the current directory: %w", err)
	}
	program, _ := os.Executable() // unknown means that no plugins are beside it
	c, err := config.Load(config.Source{
		File: s.File, Env: s.Env, Flags: s.Flags, Defaults: s.Defaults,
		Dir: dir, Root: os.Geteuid() == 0, Executable: program,
		CheckPluginDir: discovery.CheckDir,
	})
	if err != nil {
		return Options{}, err
	}
	o := optionsOf(c)
	o.Version = s.Version
	o.Log = logger(c, s.Log)
	return o, nil
}

// optionsOf returns what c says as options, in which a zero means the default and not none.
func optionsOf(c *config.Config) Options {
	o := Options{
		StateDir: c.StateDir, PluginDir: c.PluginDir, PluginOrder: c.PluginOrder, Listen: c.Listen,
		Concurrency: c.Concurrency, SlotQueue: cmp.Or(c.SlotQueue, -1), Grace: cmp.Or(c.Grace, time.Nanosecond),
		Retention: Retention(c.Retention),
		Output:    OutputLimits(c.Output),
		Plugins:   map[string]PluginOptions{},
	}
	for name, p := range c.Plugins {
		o.Plugins[name] = PluginOptions(p)
	}
	return o
}

// logger writes to w as c says.
func logger(c *config.Config, w io.Writer) hclog.Logger {
	if w == nil {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{
		Name: "solti-host", Output: w,
		Level: hclog.LevelFromString(c.LogLevel), JSONFormat: c.LogFormat == "json",
	})
}
