package plugin

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/host/internal/fence"
	"github.com/soltihq/solti-host/host/task"
	"github.com/soltihq/solti-host/sdk"
)

// Marks in the environment by which processes are found again, beside sdk.EnvHostID.
const (
	markPlugin = "SOLTI_PLUGIN" // NAME/GENERATION, of a plugin's own process
	markRun    = "SOLTI_RUN_ID" // of what an attempt starts; set by runners that start processes
)

// inherited are the variables of the host's own environment that plugins see. Everything else is the
// host's affair, secrets above all.
var inherited = []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR"}

// defaultPath is used when the host has no PATH.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// environ returns the environment of a launch, without go-plugin's variables. The operator's
// variables win over what is inherited, the host's own over both.
func (p *Plugin) environ(generation int, group *fence.Group) []string {
	env := map[string]string{"PATH": defaultPath}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if slices.Contains(inherited, name) || strings.HasPrefix(name, "LC_") {
			env[name] = value
		}
	}
	maps.Copy(env, p.settings.Env)
	env[sdk.EnvLogLevel] = logLevel(p.set.o.Log)
	env[sdk.EnvGeneration] = strconv.Itoa(generation)
	env[sdk.EnvHostPID] = strconv.Itoa(os.Getpid())
	env[sdk.EnvHostID] = p.set.o.HostID
	env[markPlugin] = p.mark(generation)
	if group != nil {
		env[sdk.EnvCgroup] = group.Path
	}
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

func (p *Plugin) mark(generation int) string { return p.name + "/" + strconv.Itoa(generation) }

func logLevel(l hclog.Logger) string {
	if level := l.GetLevel(); level >= hclog.Trace && level <= hclog.Error {
		return level.String()
	}
	return hclog.Error.String()
}

// belongs reports whether a process was started by this generation, directly or through others,
// judging by the marks in its environment.
func (g *generation) belongs(q fence.Process) bool {
	s := g.plugin.set
	marks := q.Environ("SOLTI_")
	if marks[sdk.EnvHostID] != s.o.HostID {
		// An orphan that hides where it comes from. With cgroups, what is ours was found already.
		return len(marks) == 0 && s.cgroups == nil && s.reaper.Adopted(q)
	}
	if mark, ok := marks[markPlugin]; ok {
		return mark == g.plugin.mark(g.number)
	}
	run, ok := marks[markRun]
	if !ok || g.runs.has(task.RunID(run)) {
		return ok
	}
	// An attempt that is over, of which something is left. Its id begins with our name, but so may
	// that of an attempt of another plugin.
	return strings.HasPrefix(run, g.plugin.name+"-") && !s.runsElsewhere(g.plugin, task.RunID(run))
}

// runsElsewhere reports whether another plugin is running the attempt.
func (s *Set) runsElsewhere(than *Plugin, id task.RunID) bool {
	for _, p := range s.Plugins() {
		if g := p.current.Load(); p != than && g != nil && g.runs.has(id) {
			return true
		}
	}
	return false
}
