package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/sdk"
)

func checkEnv(v *sdk.Violations, env map[string]string) {
	if len(env) > maxEnv {
		v.Add("env", "holds %d variables, at most %d are allowed", len(env), maxEnv)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if problem := EnvProblem(name, env[name]); problem != "" {
			v.Add(envPath(name), "%s", problem)
		} else if reserved[name] {
			v.Add(envPath(name), "is set by the runner; choose another name")
		}
	}
}

// EnvProblem says what is wrong with an environment variable, wherever it comes from, or nothing.
func EnvProblem(name, value string) string {
	switch {
	case name == "":
		return "a variable's name must not be empty"
	case strings.ContainsAny(name, "=\x00"):
		return "a variable's name must hold neither = nor a NUL byte"
	case strings.Contains(value, "\x00"):
		return noNUL
	case len(name)+len(value)+1 > MaxText:
		return fmt.Sprintf(tooLong, len(name)+len(value)+1, MaxText)
	}
	return ""
}

// envPath is the path of a variable; names that would be misread in one are quoted.
func envPath(name string) string {
	if name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" {
		return "env." + name
	}
	return fmt.Sprintf("env[%q]", name)
}

func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
