package client

import (
	"maps"
	"slices"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// selectorText writes s as the API's labelSelector parameter: "app=web,tier in (a,b),!canary".
func selectorText(s *task.Selector) string {
	if s == nil {
		return ""
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		parts = append(parts, k+"="+s.MatchLabels[k])
	}
	for _, r := range s.MatchExpressions {
		parts = append(parts, requirementText(r))
	}
	return strings.Join(parts, ",")
}

func requirementText(r task.Requirement) string {
	switch r.Operator {
	case task.Exists:
		return r.Key
	case task.DoesNotExist:
		return "!" + r.Key
	case task.NotIn:
		return r.Key + " notin (" + strings.Join(r.Values, ",") + ")"
	default:
		return r.Key + " in (" + strings.Join(r.Values, ",") + ")"
	}
}
