package runner

import (
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/process"
	"github.com/soltihq/solti-host/plugins/subprocess/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// defaultPath is where programs are looked for when nobody says otherwise.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// baseEnv is what every task finds in its environment.
func baseEnv() map[string]string {
	base := map[string]string{"PATH": defaultPath, "LANG": "C.UTF-8", "HOME": "/"}
	if u, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil {
		base["USER"], base["LOGNAME"] = u.Username, u.Username
		if u.HomeDir != "" {
			base["HOME"] = u.HomeDir
		}
	}
	if zone, ok := os.LookupEnv("TZ"); ok {
		base["TZ"] = zone
	}
	return base
}

// checkOperatorEnv refuses variables that the system would not take.
func checkOperatorEnv(env map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if problem := workload.EnvProblem(name, env[name]); problem != "" {
			return fmt.Errorf("environment of the runner: variable %q: %s", name, problem)
		}
	}
	return nil
}

// taskEnv is the environment of a task's attempts.
type taskEnv struct {
	merged map[string]string // what all attempts share
	shared []string          // the same as a list
	path   string            // PATH in it
	task   string
	host   string
}

func newEnv(base, own map[string]string, build *sdk.Build) taskEnv {
	merged := maps.Clone(base)
	maps.Copy(merged, own)
	maps.Copy(merged, build.Env)
	for _, name := range []string{process.EnvRunID, process.EnvTask, process.EnvAttempt, process.EnvHostID} {
		delete(merged, name)
	}
	return taskEnv{
		merged: merged, shared: sdk.MergeEnv(merged), path: merged["PATH"],
		task: build.Spec.Name, host: build.Launch.HostID,
	}
}

// attempt returns the environment of one attempt, and PATH in it.
func (e *taskEnv) attempt(run *sdk.Run) (env []string, path string, err error) {
	shared, path := e.shared, e.path
	if len(run.Env) > 0 {
		if err := checkOperatorEnv(run.Env); err != nil {
			return nil, "", err
		}
		own := maps.Clone(run.Env)
		for _, name := range []string{process.EnvRunID, process.EnvTask, process.EnvAttempt, process.EnvHostID} {
			delete(own, name)
		}
		shared = sdk.MergeEnv(e.merged, own)
		if p, ok := own["PATH"]; ok {
			path = p
		}
	}
	env = make([]string, 0, len(shared)+4)
	env = append(env, process.EnvRunID+"="+run.ID)
	if e.task != "" {
		env = append(env, process.EnvTask+"="+e.task)
	}
	env = append(env, process.EnvAttempt+"="+strconv.Itoa(run.Attempt))
	if e.host != "" {
		env = append(env, process.EnvHostID+"="+e.host)
	}
	return append(env, shared...), path, nil
}
