package config

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/soltihq/solti-host/host/task"
)

// pluginKeys are the settings of one plugin.
var pluginKeys = []string{"disabled", "required", "labels", "env", "taskEnv", "args", "startTimeout", "settings"}

// plugin reads the settings of the plugin of that name.
func (l *loader) plugin(at, name string, node *yaml.Node) {
	if err := task.RunnerName(name).Validate(); err != nil {
		l.problems.Add(l.inFile(at), "the name of a plugin: %v", err)
		return
	}
	var p Plugin
	l.mapping(at, node, func(key string, node *yaml.Node) {
		switch strings.TrimPrefix(key, at+".") {
		case "disabled":
			p.Disabled = l.truth(key, node)
		case "required":
			p.Required = l.truth(key, node)
		case "labels":
			p.Labels = l.labels(key, node)
		case "env":
			p.Env = l.variables(key, node)
		case "taskEnv":
			p.TaskEnv = l.variables(key, node)
		case "args":
			p.Args, _ = l.texts(key, node, true)
		case "startTimeout":
			p.StartTimeout = l.startTimeout(key, node)
		case "settings":
			p.Settings = l.object(key, node)
		default:
			l.unknown(key, pluginKeys)
		}
	})
	l.config.Plugins[name] = p
}

// object reads what a plugin alone understands.
func (l *loader) object(key string, node *yaml.Node) json.RawMessage {
	values := map[string]any{}
	l.mapping(key, node, func(string, *yaml.Node) {})
	if node.Kind != yaml.MappingNode {
		return nil
	}
	err := node.Decode(&values)
	var raw []byte
	if err == nil {
		raw, err = json.Marshal(values)
	}
	if err != nil {
		l.problems.Add(l.inFile(key), "%v", err)
	}
	return raw
}

func (l *loader) truth(key string, node *yaml.Node) bool {
	var b bool
	if node.Kind != yaml.ScalarNode || node.Decode(&b) != nil {
		l.wrong(key, node, "want true or false")
	}
	return b
}

func (l *loader) pairs(at string, node *yaml.Node) map[string]string {
	m := map[string]string{}
	l.mapping(at, node, func(key string, node *yaml.Node) {
		if text, ok := l.scalar(key, node); ok {
			m[strings.TrimPrefix(key, at+".")] = text
		}
	})
	return m
}

func (l *loader) labels(at string, node *yaml.Node) map[string]string {
	m := l.pairs(at, node)
	if e, ok := errors.AsType[task.FieldErrors](task.ValidateLabels(l.inFile(at), m)); ok {
		l.problems = append(l.problems, e...)
	}
	return m
}

// variable matches the names of environment variables.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func (l *loader) variables(at string, node *yaml.Node) map[string]string {
	m := l.pairs(at, node)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch {
		case !variable.MatchString(name) || strings.Contains(m[name], "\x00"):
			l.problems.Add(l.inFile(at), "%q cannot be an environment variable", name)
		case strings.HasPrefix(name, "SOLTI_") || strings.HasPrefix(name, "PLUGIN_"):
			l.problems.Add(l.inFile(at), "%s: names that begin with SOLTI_ or PLUGIN_ belong to the host", name)
		}
	}
	return m
}

func (l *loader) startTimeout(key string, node *yaml.Node) time.Duration {
	text, ok := l.scalar(key, node)
	if !ok {
		return 0
	}
	d, err := parseDuration(text, 100*time.Millisecond)
	if err != nil {
		l.problems.Add(l.inFile(key), "%v", err)
	}
	return d
}

// checkPlugins finds contradictions.
func (l *loader) checkPlugins() {
	for _, name := range slices.Sorted(maps.Keys(l.config.Plugins)) {
		if p := l.config.Plugins[name]; p.Disabled && p.Required {
			l.problems.Add(l.inFile("plugins."+name), "a disabled plugin cannot be required")
		}
	}
}
