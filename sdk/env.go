package sdk

import (
	"maps"
	"slices"
)

// MergeEnv joins layers of environment variables into the form that [os/exec.Cmd] takes, sorted by
// name. A later layer wins over an earlier one, so that the usual call is
//
//	cmd.Env = sdk.MergeEnv(spec.Env, build.Env, run.Env)
//
// The result is never nil: with no variables at all it is empty, which os/exec takes for an empty
// environment and not for the plugin's own.
func MergeEnv(layers ...map[string]string) []string {
	merged := make(map[string]string)
	for _, layer := range layers {
		maps.Copy(merged, layer)
	}
	env := make([]string, 0, len(merged))
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		env = append(env, name+"="+merged[name])
	}
	return env
}
