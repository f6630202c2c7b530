package sdk

import (
	"context"
	"encoding/json"
)

// A Configurer is a [Runner] that takes settings from the operator. The host hands them over before
// any task, and may do so again; the last ones hold. Settings are one JSON object, checked against
// [Info.ConfigSchema] if there is one. Errors made with [InvalidSpec] reach the operator typed, with
// paths from the root of the settings.
type Configurer interface {
	Runner
	Configure(ctx context.Context, settings json.RawMessage) error
}
