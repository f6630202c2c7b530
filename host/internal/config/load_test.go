package config

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// setup returns a source on an empty machine, with the given text as its file.
func setup(t *testing.T, file string) Source {
	t.Helper()
	dir, err := os.MkdirTemp("", "c-") //nolint:usetesting // t.TempDir would make the sockets' paths too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s := Source{Env: []string{"HOME=" + dir}, Dir: dir}
	if file != "" {
		s.File = filepath.Join(dir, "solti.yaml")
		if err := os.WriteFile(s.File, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestDefaults(t *testing.T) {
	s := setup(t, "")
	got, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		StateDir:  filepath.Join(s.Dir, ".local/state/solti-host"),
		PluginDir: systemPluginDir,
		Listen:    "127.0.0.1:0", LogLevel: "info", LogFormat: "text",
		Concurrency: 256, SlotQueue: 100, Grace: 10 * time.Second,
		Retention: Retention{RunTTL: time.Hour, TaskTTL: time.Hour, Interval: 5 * time.Minute, MaxRuns: 256},
		Output:    Output{PerRun: 64 << 20, Total: 4 << 30},
		Plugins:   map[string]Plugin{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDefaultPlaces(t *testing.T) {
	s := setup(t, "")
	s.Root = true
	if c, err := Load(s); err != nil || c.StateDir != "/var/lib/solti-host" {
		t.Errorf("root: got %+v, %v", c, err)
	}
	s.Root, s.Env = false, []string{"XDG_STATE_HOME=/x/state"}
	if c, err := Load(s); err != nil || c.StateDir != "/x/state/solti-host" {
		t.Errorf("XDG: got %+v, %v", c, err)
	}
	s.Env = nil
	if _, err := Load(s); err == nil || !strings.Contains(err.Error(), "give --state-dir") {
		t.Errorf("nothing known: got %v", err)
	}
}

func TestPluginsBesideTheProgram(t *testing.T) {
	s := setup(t, "")
	s.Executable = filepath.Join(s.Dir, "solti-host")
	if c, err := Load(s); err != nil || c.PluginDir != systemPluginDir {
		t.Errorf("none there: got %+v, %v", c, err)
	}
	dir := filepath.Join(s.Dir, "plugins")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(s); err != nil || c.PluginDir != dir {
		t.Errorf("there: got %+v, %v", c, err)
	}
}

func TestFlagWinsOverEnvironmentOverFileOverDefault(t *testing.T) {
	s := setup(t, "grace: 3s\n")
	s.Defaults = map[string]string{"grace": "4s", "log.level": "warn"}
	check := func(want time.Duration) {
		t.Helper()
		c, err := Load(s)
		if err != nil || c.Grace != want || c.LogLevel != "warn" {
			t.Errorf("got %+v, %v, want grace %v", c, err, want)
		}
	}
	check(3 * time.Second)
	s.Env = append(s.Env, "SOLTI_GRACE=2s")
	check(2 * time.Second)
	s.Flags = map[string]string{"grace": "1s"}
	check(time.Second)
	s.Env, s.Flags, s.File = s.Env[:1], nil, ""
	check(4 * time.Second)
}

func TestWholeFile(t *testing.T) {
	s := setup(t, `
stateDir: /x/state
listen: "[::1]:7390"
log: {level: debug, format: json}
concurrency: 0
queue: {slotLimit: 7}
retention:
  runTTL: 90s
  maxRuns: 3
output: {perRun: 2MiB, total: 2GiB, rate: 4096}
plugins:
  order: [wasm, subprocess]
  subprocess:
    required: true
    labels: {zone: eu}
    env: {TZ: UTC}
    taskEnv: {PORT: 8080}
    args: [-v, "1"]
    startTimeout: 15s
    settings: {pool: {size: 3, names: [a, "1"]}, rate: 0.5}
  container: {disabled: true}
`)
	got, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		StateDir: "/x/state", PluginDir: systemPluginDir, Listen: "[::1]:7390", LogLevel: "debug", LogFormat: "json",
		SlotQueue: 7, Grace: 10 * time.Second,
		Retention:   Retention{RunTTL: 90 * time.Second, TaskTTL: time.Hour, Interval: 5 * time.Minute, MaxRuns: 3},
		Output:      Output{PerRun: 2 << 20, Total: 2 << 30, Rate: 4096},
		PluginOrder: []string{"wasm", "subprocess"},
		Plugins: map[string]Plugin{
			"subprocess": {
				Required: true, Labels: map[string]string{"zone": "eu"}, Env: map[string]string{"TZ": "UTC"},
				TaskEnv: map[string]string{"PORT": "8080"}, Args: []string{"-v", "1"}, StartTimeout: 15 * time.Second,
				Settings: json.RawMessage(`{"pool":{"names":["a","1"],"size":3},"rate":0.5}`),
			},
			"container": {Disabled: true},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Every problem is reported at once, each with its place.
func TestProblems(t *testing.T) {
	tests := []struct {
		name, file string
		env        []string
		flags      map[string]string
		want       []string // the error's lines, FILE for the file's path
	}{
		{name: "unknown key", file: "grce: 3s", want: []string{`FILE: grce: unknown key; did you mean grace?`}},
		{name: "unknown key like no other", file: "colour: red", want: []string{`FILE: colour: unknown key; there are stateDir, pluginDir, listen, log, concurrency, queue, grace, retention, output, plugins`}},
		{name: "unknown key in a group", file: "log: {levl: info}", want: []string{`FILE: log.levl: unknown key; did you mean level?`}},
		{name: "settings that are no object", file: "plugins: {wasm: {settings: [1]}}", want: []string{`FILE: plugins.wasm.settings: line 1: want keys and values`}},
		{name: "settings that JSON has no word for", file: "plugins: {wasm: {settings: {a: .nan}}}", want: []string{`FILE: plugins.wasm.settings: json: unsupported value: NaN`}},
		{name: "unknown key of a plugin", file: "plugins: {wasm: {memory: 1}}", want: []string{`FILE: plugins.wasm.memory: unknown key; there are disabled, required, labels, env, taskEnv, args, startTimeout, settings`}},
		{name: "many at once", file: "grace: 30\nconcurrency: many\nplugins: {subprocess: {startTimeout: soon}}\n",
			env: []string{"SOLTI_LOG_LEVEL=loud"}, flags: map[string]string{"output-total": "1TB"},
			want: []string{
				`FILE: plugins.subprocess.startTimeout: "soon" is not a duration: write a number with a unit, such as 500ms, 90s or 10m`,
				`SOLTI_LOG_LEVEL: "loud" is not one of trace, debug, info, warn, error`,
				`FILE: concurrency: "many" is not a whole number`,
				`FILE: grace: "30" is not a duration: write a number with a unit, such as 500ms, 90s or 10m`,
				`--output-total: "1TB" is not a size: write a whole number of bytes, or one with KiB, MiB or GiB`,
			}},
		{name: "not a mapping", file: "- grace", want: []string{`FILE: line 1: want keys and values`}},
		{name: "group not a mapping", file: "log: info", want: []string{`FILE: log: line 1: want keys and values`}},
		{name: "list for one value", file: "grace: [1s]", want: []string{`FILE: grace: line 1: want one value`}},
		{name: "nothing for one value", file: "grace:", want: []string{`FILE: grace: line 1: want one value`}},
		{name: "one value for a list", file: "plugins: {order: wasm}", want: []string{`FILE: plugins.order: line 1: want a list`}},
		{name: "nested list", file: "plugins: {order: [[wasm]]}", want: []string{`FILE: plugins.order[0]: line 1: want one value`}},
		{name: "set twice", file: "grace: 1s\ngrace: 2s", want: []string{`FILE: grace: line 2: set twice`}},
		{name: "alias", file: "grace: &a 1s\nretention: {runTTL: *a}", want: []string{`FILE: retention.runTTL: line 2: write the value out: aliases are not allowed`}},
		{name: "two documents", file: "grace: 1s\n---\ngrace: 2s", want: []string{`FILE: more than one document: put all of it into one`}},
		{name: "not YAML", file: "grace: [", want: []string{`FILE: line 1: did not find expected node content`}},
		{name: "truth", file: "plugins: {wasm: {disabled: 3}}", want: []string{`FILE: plugins.wasm.disabled: line 1: want true or false`}},
		{name: "contradiction", file: "plugins: {wasm: {disabled: true, required: true}}", want: []string{`FILE: plugins.wasm: a disabled plugin cannot be required`}},
		{name: "variable", file: "plugins: {wasm: {env: {A=B: c}}}", want: []string{`FILE: plugins.wasm.env: "A=B" cannot be an environment variable`}},
		{name: "variable of the host", file: "plugins: {wasm: {taskEnv: {SOLTI_X: c}}}", want: []string{`FILE: plugins.wasm.taskEnv: SOLTI_X: names that begin with SOLTI_ or PLUGIN_ belong to the host`}},
		{name: "plugin name", file: "plugins: {Wasm: {}}", want: []string{`FILE: plugins.Wasm: the name of a plugin: "Wasm": must begin with a-z and consist of a-z, 0-9 and '-'`}},
		{name: "label", file: "plugins: {wasm: {labels: {zone: a b}}}", want: []string{`FILE: plugins.wasm.labels.zone: the value "a b" must begin and end with a letter or digit and have only '-', '_' and '.' besides`}},
		{name: "order twice", flags: map[string]string{"plugins-order": "a,b,a"}, want: []string{`--plugins-order: a is named twice`}},
		{name: "order of no name", flags: map[string]string{"plugins-order": "a,,b"}, want: []string{`--plugins-order: name 2: must not be empty`}},
		{name: "below the least", file: "queue: {slotLimit: -1}\nretention: {interval: 1ms}", want: []string{`FILE: queue.slotLimit: -1 is not between 0 and 1000000000`, `FILE: retention.interval: 1ms is below 1s`}},
		{name: "size below the least", file: "output: {perRun: 1KiB}", want: []string{`FILE: output.perRun: 1KiB is below 2097152 bytes`}},
		{name: "size that overflows", file: "output: {perRun: 9999999999999GiB}", want: []string{`FILE: output.perRun: "9999999999999GiB" is not a size: write a whole number of bytes, or one with KiB, MiB or GiB`}},
		{name: "relative path in the file", file: "stateDir: state", want: []string{`FILE: stateDir: "state" is not an absolute path`}},
		{name: "listen on all", flags: map[string]string{"listen": "0.0.0.0:80"}, want: []string{`--listen: "0.0.0.0:80" is not a loopback address: use 127.0.0.1:80, and a proxy with TLS in front of it for other machines`}},
		{name: "listen on nothing", flags: map[string]string{"listen": "7390"}, want: []string{`--listen: "7390" is neither none nor an address such as 127.0.0.1:7390`}},
		{name: "listen on a port that is none", flags: map[string]string{"listen": "127.0.0.1:http"}, want: []string{`--listen: port "http" is not between 0 and 65535`}},
		{name: "plugin directory missing", flags: map[string]string{"plugin-dir": "/x/plugins"}, want: []string{`--plugin-dir: /x/plugins is not a directory`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := setup(t, tt.file)
			s.Env, s.Flags = append(s.Env, tt.env...), tt.flags
			c, err := Load(s)
			if err == nil {
				t.Fatalf("got %+v, want %q", c, tt.want)
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), s.File, "FILE"), "\n")
			if s.File == "" {
				got = strings.Split(err.Error(), "\n")
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// Directories that a host would refuse are refused before it is made.
func TestUnsafeDirectories(t *testing.T) {
	s := setup(t, "")
	state, file := filepath.Join(s.Dir, "state"), filepath.Join(s.Dir, "file")
	if err := errors.Join(os.Mkdir(state, 0o700), os.Chmod(state, 0o770), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s.CheckPluginDir = func(dir string) error { return errors.New(dir + " is not safe") }
	for dir, want := range map[string]string{
		state:                        "is writable for group or others (mode 0770), who could replace its files: chmod go-w " + state,
		file:                         "is not a directory",
		filepath.Join(file, "below"): "not a directory",
	} {
		s.Flags = map[string]string{"state-dir": dir}
		_, err := Load(s)
		if err == nil || !strings.Contains(err.Error(), "--state-dir: ") || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", dir, err, want)
		}
		if err == nil || !strings.Contains(err.Error(), "pluginDir: "+systemPluginDir+" is not safe") {
			t.Errorf("%s: got %v, want a word on the plugin directory", dir, err)
		}
	}
	s.Flags = map[string]string{"plugin-dir": s.Dir, "state-dir": filepath.Join(t.TempDir(), "new")}
	if _, err := Load(s); err == nil || err.Error() != "--plugin-dir: "+s.Dir+" is not safe" {
		t.Errorf("got %v", err)
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	s := setup(t, "")
	s.File = "missing.yaml"
	if _, err := Load(s); err == nil || err.Error() != "missing.yaml: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func TestSocketPathTooLong(t *testing.T) {
	s := setup(t, "")
	s.Env = []string{"SOLTI_STATE_DIR=/" + strings.Repeat("x", 100)}
	_, err := Load(s)
	if err == nil || !strings.HasPrefix(err.Error(), "SOLTI_STATE_DIR: the socket /xxx") {
		t.Errorf("got %v", err)
	}
}

func TestStateInsideThePluginDirectory(t *testing.T) {
	s := setup(t, "")
	link := filepath.Join(s.Dir, "link")
	for _, dir := range []string{"plugins", "other"} {
		if err := os.Mkdir(filepath.Join(s.Dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("plugins", link); err != nil {
		t.Fatal(err)
	}
	for dir, refused := range map[string]bool{
		"plugins": true, "plugins/state": true, "link/a/b": true, "other": false, "plugins2": false, "plugins/..": false,
	} {
		s.Flags = map[string]string{"plugin-dir": "plugins", "state-dir": dir}
		if _, err := Load(s); (err != nil) != refused {
			t.Errorf("state in %s: got %v, want refused %v", dir, err, refused)
		}
	}
}

func TestNamesOfSettings(t *testing.T) {
	flags := map[string]string{}
	for _, s := range Settings() {
		if old, ok := flags[s.Flag()]; ok {
			t.Errorf("%s and %s have one flag", old, s.Key)
		}
		flags[s.Flag()] = s.Key
	}
	for flag, key := range map[string]string{"state-dir": "stateDir", "retention-run-ttl": "retention.runTTL", "queue-slot-limit": "queue.slotLimit"} {
		if flags[flag] != key {
			t.Errorf("--%s is %q, want %q; there are %q", flag, flags[flag], key, slices.Sorted(maps.Keys(flags)))
		}
	}
	if got := (Setting{Key: "output.perRun"}).Env(); got != "SOLTI_OUTPUT_PER_RUN" {
		t.Errorf("got %s", got)
	}
}

// Whatever a file holds, reading it ends, in a value or in problems with a place.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{"", "grace: 1s", "a: &a [*a]", "plugins: {x: {env: {<<: {A: b}}}}", "? [a]\n: b", "log: !!binary x", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := setup(t, text)
		if c, err := Load(s); (c == nil) == (err == nil) {
			t.Errorf("got %v and %v", c, err)
		}
	})
}

// The documentation shows every setting with its variable and default in one line of its table.
func TestEverySettingIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Settings() {
		row := "| `" + s.Key + "` | `--" + s.Flag() + "` | `" + s.Env() + "` |"
		i := strings.Index(string(doc), row)
		if i < 0 {
			t.Errorf("docs/configuration.md lacks a row that begins with %s", row)
			continue
		}
		line, _, _ := strings.Cut(string(doc[i+len(row):]), "\n")
		if s.Default != "" && !strings.Contains(line, "`"+s.Default+"`") {
			t.Errorf("the row of %s lacks its default `%s`", s.Key, s.Default)
		}
	}
	for _, k := range pluginKeys {
		if !strings.Contains(string(doc), "| `"+k+"` |") {
			t.Errorf("docs/configuration.md lacks a row for plugins.NAME.%s", k)
		}
	}
}
