package sdk

import (
	"fmt"
	"regexp"
	"strings"

	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
	taskv1 "github.com/soltihq/solti-host/shared/proto/solti/task/v1"
)

// maxSpec bounds a workload's spec, in bytes.
const maxSpec = 4 << 20

func specOf(t *taskv1.Task) *Spec {
	m, s := t.GetMetadata(), t.GetSpec()
	raw := s.GetWorkload().GetSpecJson()
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	return &Spec{
		Name:        m.GetName(),
		UID:         m.GetUid(),
		Generation:  m.GetGeneration(),
		Labels:      m.GetLabels(),
		Annotations: m.GetAnnotations(),
		Slot:        s.GetSlot(),
		APIVersion:  s.GetWorkload().GetApiVersion(),
		Kind:        s.GetWorkload().GetKind(),
		Raw:         raw,
		Timeout:     s.GetTimeout().AsDuration(),
	}
}

// A kindID names a kind.
type kindID struct{ apiVersion, kind string }

func kindOf(t *taskv1.Task) kindID {
	w := t.GetSpec().GetWorkload()
	return kindID{w.GetApiVersion(), w.GetKind()}
}

// identity is what Name answered, checked.
type identity struct {
	response *pluginv1.NameResponse
	kinds    map[kindID]bool
	maxRuns  int
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

const maxSchema = 256 << 10

// identify checks a runner's Info and adds what the SDK itself has to say.
func identify(info Info, features []string) (*identity, error) {
	if !namePattern.MatchString(info.Name) {
		return nil, fmt.Errorf("the runner's name %q does not match %s", info.Name, namePattern)
	}
	if len(info.Kinds) == 0 {
		return nil, fmt.Errorf("runner %s declares no kinds", info.Name)
	}
	id := &identity{kinds: make(map[kindID]bool), maxRuns: max(info.MaxRuns, 0)}
	id.response = &pluginv1.NameResponse{
		Name:          info.Name,
		Version:       info.Version,
		RunnerType:    info.Type,
		ProtocolMinor: ProtocolMinor,
		Labels:        info.Labels,
		Features:      features,
		Limits:        &pluginv1.Limits{MaxRuns: uint32(id.maxRuns)},
		ConfigSchema:  info.ConfigSchema,
	}
	for _, k := range info.Kinds {
		key := kindID{k.APIVersion, k.Kind}
		switch {
		case k.Kind == "" || !strings.Contains(k.APIVersion, "/"):
			return nil, fmt.Errorf("runner %s: kind %q of %q is not like Probe of acme.dev/v1", info.Name, k.Kind, k.APIVersion)
		case id.kinds[key]:
			return nil, fmt.Errorf("runner %s declares kind %s %s twice", info.Name, k.APIVersion, k.Kind)
		case len(k.Schema) > maxSchema:
			return nil, fmt.Errorf("runner %s: the schema of %s is larger than 256 KiB", info.Name, k.Kind)
		}
		id.kinds[key] = true
		id.response.Kinds = append(id.response.Kinds, &pluginv1.KindInfo{
			ApiVersion: k.APIVersion, Kind: k.Kind, SpecSchema: k.Schema, SupportsAll: k.SupportsAll,
		})
	}
	return id, nil
}
