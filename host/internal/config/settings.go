package config

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A Setting is one knob of the host as a whole.
type Setting struct {
	Key     string // its place in the file, such as queue.slotLimit
	Usage   string // one line for people
	Default string // as text; empty means that the default depends on the machine
	List    bool   // a sequence in the file, separated by commas elsewhere

	set func(*Config, []string) error // takes one text, or any number of a List
}

// Flag returns the name of the flag: queue-slot-limit.
func (s Setting) Flag() string {
	return strings.ReplaceAll(strings.ToLower(humps.ReplaceAllString(s.Key, "-$0")), ".", "-")
}

// Env returns the name of the environment variable: SOLTI_QUEUE_SLOT_LIMIT.
func (s Setting) Env() string {
	return "SOLTI_" + strings.ReplaceAll(strings.ToUpper(s.Flag()), "-", "_")
}

// humps matches the words of a key after its first: each capital that begins one.
var humps = regexp.MustCompile(`[A-Z]+`)

// Settings returns all settings in the order in which people should read them.
func Settings() []Setting {
	return []Setting{
		{Key: "stateDir", Usage: "directory of tasks, runs, output and the socket", set: path(func(c *Config) *string { return &c.StateDir })},
		{Key: "pluginDir", Usage: "directory of the solti-runner-NAME binaries", set: path(func(c *Config) *string { return &c.PluginDir })},
		{Key: "listen", Default: "127.0.0.1:0", Usage: "loopback TCP address of the API, or none; port 0 takes a free one", set: listen},
		{Key: "log.level", Default: "info", Usage: "trace, debug, info, warn or error", set: oneOf(func(c *Config) *string { return &c.LogLevel }, "trace", "debug", "info", "warn", "error")},
		{Key: "log.format", Default: "text", Usage: "text or json", set: oneOf(func(c *Config) *string { return &c.LogFormat }, "text", "json")},
		{Key: "concurrency", Default: "256", Usage: "attempts at one time; 0 means no limit", set: count(func(c *Config) *int { return &c.Concurrency }, 0)},
		{Key: "queue.slotLimit", Default: "100", Usage: "tasks that may wait for one slot; 0 means none", set: count(func(c *Config) *int { return &c.SlotQueue }, 0)},
		{Key: "grace", Default: "10s", Usage: "time that an attempt has to end when it is asked to, before it is killed", set: duration(func(c *Config) *time.Duration { return &c.Grace }, 0)},
		{Key: "retention.runTTL", Default: "1h", Usage: "how long finished runs are kept", set: duration(func(c *Config) *time.Duration { return &c.Retention.RunTTL }, time.Second)},
		{Key: "retention.taskTTL", Default: "1h", Usage: "how long finished tasks are kept", set: duration(func(c *Config) *time.Duration { return &c.Retention.TaskTTL }, time.Second)},
		{Key: "retention.interval", Default: "5m", Usage: "time between two looks for what is old", set: duration(func(c *Config) *time.Duration { return &c.Retention.Interval }, time.Second)},
		{Key: "retention.maxRuns", Default: "256", Usage: "finished runs kept of one task", set: count(func(c *Config) *int { return &c.Retention.MaxRuns }, 1)},
		{Key: "output.perRun", Default: "64MiB", Usage: "output kept of one run", set: size(func(c *Config) *int64 { return &c.Output.PerRun }, 2<<20)},
		{Key: "output.total", Default: "4GiB", Usage: "output kept of all runs", set: size(func(c *Config) *int64 { return &c.Output.Total }, 64<<20)},
		{Key: "output.rate", Default: "0", Usage: "output of one run kept per second; 0 means no limit", set: size(func(c *Config) *int64 { return &c.Output.Rate }, 0)},
		{Key: "plugins.order", List: true, Usage: "names of plugins that are asked first, in this order; the others follow by name", set: order},
	}
}

func path(field func(*Config) *string) func(*Config, []string) error {
	return func(c *Config, v []string) error {
		if !filepath.IsAbs(v[0]) {
			return fmt.Errorf("%q is not an absolute path", v[0])
		}
		*field(c) = filepath.Clean(v[0])
		return nil
	}
}

func oneOf(field func(*Config) *string, words ...string) func(*Config, []string) error {
	return func(c *Config, v []string) error {
		if !slices.Contains(words, v[0]) {
			return fmt.Errorf("%q is not one of %s", v[0], strings.Join(words, ", "))
		}
		*field(c) = v[0]
		return nil
	}
}

func count(field func(*Config) *int, least int) func(*Config, []string) error {
	return func(c *Config, v []string) error {
		n, err := strconv.Atoi(v[0])
		if err != nil {
			return fmt.Errorf("%q is not a whole number", v[0])
		}
		if n < least || n > 1e9 {
			return fmt.Errorf("%d is not between %d and 1000000000", n, least)
		}
		*field(c) = n
		return nil
	}
}

func duration(field func(*Config) *time.Duration, least time.Duration) func(*Config, []string) error {
	return func(c *Config, v []string) (err error) {
		*field(c), err = parseDuration(v[0], least)
		return err
	}
}

func parseDuration(text string, least time.Duration) (time.Duration, error) {
	var d task.Duration
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return 0, err
	}
	if d.D() < least {
		return 0, fmt.Errorf("%s is below %s", text, task.Duration(least))
	}
	return d.D(), nil
}

func size(field func(*Config) *int64, least int64) func(*Config, []string) error {
	return func(c *Config, v []string) (err error) {
		*field(c), err = parseSize(v[0], least)
		return err
	}
}

// units are powers of 1024, the longest names first.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

func parseSize(text string, least int64) (int64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 62)
		if err != nil || int64(n) > (1<<62)/u.bytes {
			break
		}
		if b := int64(n) * u.bytes; b >= least {
			return b, nil
		}
		return 0, fmt.Errorf("%s is below %d bytes", text, least)
	}
	return 0, fmt.Errorf("%q is not a size: write a whole number of bytes, or one with KiB, MiB or GiB", text)
}

// listen takes a loopback address: without TLS, nothing else may carry the token.
func listen(c *Config, v []string) error {
	if v[0] == None {
		c.Listen = None
		return nil
	}
	name, port, err := net.SplitHostPort(v[0])
	if err != nil {
		return fmt.Errorf("%q is neither %s nor an address such as 127.0.0.1:7390", v[0], None)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q is not between 0 and 65535", port)
	} else if ip := net.ParseIP(name); name != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q is not a loopback address: use 127.0.0.1:%d, and a proxy with TLS in front of it for other machines", v[0], n)
	}
	c.Listen = v[0]
	return nil
}

func order(c *Config, names []string) error {
	for i, n := range names {
		if err := task.RunnerName(n).Validate(); err != nil {
			return fmt.Errorf("name %d: %w", i+1, err)
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("%s is named twice", n)
		}
	}
	c.PluginOrder = names
	return nil
}
