package sdk

import (
	"maps"
	"slices"
)

// Bounds of what is kept with the record of a run.
const (
	maxFacts    = 32
	maxFactName = 64
	maxFactText = 16 << 10 // names and values together
)

// boundFacts returns as many facts, in the order of their names, as a Started frame may carry.
func boundFacts(facts map[string]string) map[string]string {
	kept := make(map[string]string, min(len(facts), maxFacts))
	left := maxFactText
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		short := clip(name, maxFactName)
		if len(kept) == maxFacts || len(short) > left {
			break
		}
		if short == "" {
			continue
		}
		value := cutShort(facts[name], left-len(short))
		kept[short] = value
		left -= len(short) + len(value)
	}
	return kept
}

// cutShort is clip, but ends in dots where it cuts something off.
func cutShort(s string, limit int) string {
	const dots = "..."
	whole := clip(s, len(s)*3) // which may be longer than s, since it is made valid
	if len(whole) <= limit {
		return whole
	}
	return clip(whole, max(limit-len(dots), 0)) + dots[:min(limit, len(dots))]
}
