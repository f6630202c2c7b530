package task

import "strings"

// APIVersion is the group and version of the host's own resources and first-party kinds.
const APIVersion = "solti.io/v1"

// ReservedGroup is the group that only first-party kinds may use.
const ReservedGroup = "solti.io"

// KindTask is the kind of the resource itself.
const KindTask = "Task"

// A Kind is the type of a workload, such as solti.io/v1 Subprocess. It decides which runners may
// take a task.
type Kind struct {
	APIVersion string // group/version
	Name       string
}

// Embedded is the kind of tasks whose code is part of the host process. No runner is ever asked for
// it.
var Embedded = Kind{APIVersion: APIVersion, Name: "Embedded"}

// String returns both parts with a space between them.
func (k Kind) String() string { return k.APIVersion + " " + k.Name }

// Group returns the part of the APIVersion before the slash.
func (k Kind) Group() string {
	group, _, _ := strings.Cut(k.APIVersion, "/")
	return group
}
