package plugin

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/soltihq/solti-host/host/task"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// Bounds of an identity.
const (
	maxKinds    = 64
	maxLabels   = 64
	maxFeatures = 64
	maxWord     = 128 // bytes of a version, a feature, a label's key
	maxLabel    = 256 // bytes of a label's value
)

var (
	wordPattern    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	kindPattern    = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
	versionPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/v[0-9][a-z0-9]{0,20}$`)
)

// firstParty are the runners that may declare kinds of the reserved group.
var firstParty = []string{"subprocess", "wasm", "container"}

// An identity is what a plugin said of itself, checked. Nobody changes it.
type identity struct {
	Version    string            `json:"version,omitempty"`
	RunnerType string            `json:"runnerType"`
	Kinds      []kindInfo        `json:"kinds"`
	Labels     map[string]string `json:"labels,omitempty"`
	Features   []string          `json:"features,omitempty"`
	MaxRuns    int               `json:"maxRuns,omitempty"` // 0 means no limit

	schemas  map[task.Kind]*schema
	settings *schema // of the operator's settings; only of a generation that is up
}

// A kindInfo is one declared kind.
type kindInfo struct {
	APIVersion  string `json:"apiVersion"`
	Kind        string `json:"kind"`
	Schema      []byte `json:"schema,omitempty"`
	SupportsAll bool   `json:"supportsAll,omitempty"`
}

func (k kindInfo) kind() task.Kind { return task.Kind{APIVersion: k.APIVersion, Name: k.Kind} }

// identify checks what the plugin called name says of itself. The error names all that is wrong.
func identify(name string, r *pluginv1.NameResponse) (*identity, error) {
	if r.GetName() != name {
		return nil, fmt.Errorf("it calls itself %q, but its file is called solti-runner-%s: rename the file",
			bound(r.GetName(), maxWord), name)
	}
	id := &identity{
		Version: r.GetVersion(), RunnerType: r.GetRunnerType(), Labels: r.GetLabels(),
		Features: slices.Clone(r.GetFeatures()), MaxRuns: int(r.GetLimits().GetMaxRuns()),
	}
	if id.RunnerType == "" {
		id.RunnerType = name
	}
	var err error
	if id.settings, err = compileSchema(settingsPath(name), r.GetConfigSchema()); err != nil {
		return nil, fmt.Errorf("its settings: %w", err)
	}
	for _, k := range r.GetKinds()[:min(len(r.GetKinds()), maxKinds+1)] {
		id.Kinds = append(id.Kinds, kindInfo{
			APIVersion: k.GetApiVersion(), Kind: k.GetKind(), Schema: k.GetSpecSchema(), SupportsAll: k.GetSupportsAll(),
		})
	}
	return id, id.check(name)
}

// check says what is wrong with an identity, and compiles its schemas.
func (id *identity) check(name string) error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(id.Version) > maxWord {
		bad("its version has %d bytes, at most %d are allowed", len(id.Version), maxWord)
	}
	if !wordPattern.MatchString(id.RunnerType) {
		bad("its runner type %q does not match %s", bound(id.RunnerType, maxWord), wordPattern)
	}
	if len(id.Kinds) == 0 || len(id.Kinds) > maxKinds {
		bad("it declares %d kinds, 1 to %d are allowed", len(id.Kinds), maxKinds)
	}
	if len(id.Features) > maxFeatures || slices.ContainsFunc(id.Features, func(s string) bool { return len(s) > maxWord }) {
		bad("its features are more than %d, or longer than %d bytes", maxFeatures, maxWord)
	}
	if len(id.Labels) > maxLabels {
		bad("it has %d labels, at most %d are allowed", len(id.Labels), maxLabels)
	}
	for _, key := range slices.Sorted(maps.Keys(id.Labels)) {
		if key == "" || len(key) > maxWord || len(id.Labels[key]) > maxLabel {
			bad("its label %q is too long", bound(key, maxWord))
			break
		}
	}
	id.schemas = make(map[task.Kind]*schema, len(id.Kinds))
	for _, k := range id.Kinds[:min(len(id.Kinds), maxKinds)] {
		if err := id.addKind(name, k); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (id *identity) addKind(name string, k kindInfo) error {
	kind := k.kind()
	switch {
	case !versionPattern.MatchString(k.APIVersion) || !kindPattern.MatchString(k.Kind):
		return fmt.Errorf("its kind %q %q is not like acme.dev/v1 Probe", bound(k.APIVersion, maxWord), bound(k.Kind, maxWord))
	case kind.Group() == task.ReservedGroup && !slices.Contains(firstParty, name):
		return fmt.Errorf("its kind %s is of the group %s, which belongs to the host's own runners: use a group of your own",
			kind, task.ReservedGroup)
	case kind == task.Embedded:
		return fmt.Errorf("its kind %s belongs to tasks inside the host", kind)
	}
	if _, ok := id.schemas[kind]; ok {
		return fmt.Errorf("it declares the kind %s twice", kind)
	}
	s, err := compileSchema(specPath, k.Schema)
	if err != nil {
		err = fmt.Errorf("its kind %s: %w", kind, err)
	}
	id.schemas[kind] = s
	return err
}

// supportsAll reports whether the plugin need not be asked about a kind.
func (id *identity) supportsAll(kind task.Kind) bool {
	return slices.ContainsFunc(id.Kinds, func(k kindInfo) bool { return k.kind() == kind && k.SupportsAll })
}

// pluginKinds returns the declared kinds as people see them.
func (id *identity) pluginKinds() []task.PluginKind {
	if id == nil {
		return nil
	}
	kinds := make([]task.PluginKind, 0, len(id.Kinds))
	for _, k := range id.Kinds {
		kinds = append(kinds, task.PluginKind{
			APIVersion: k.APIVersion, Kind: k.Kind, Schema: k.Schema, HasSchema: len(k.Schema) > 0,
		})
	}
	return kinds
}
