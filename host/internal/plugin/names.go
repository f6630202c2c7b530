package plugin

import (
	"errors"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// names is propertyNames of a schema. It stands in the place of the validator's own, whose complaints share the memory
// of their location with what is validated after them: they may name another object.
type names struct{ schema *jsonschema.Schema }

// Validate implements [jsonschema.SchemaExt].
func (n names) Validate(ctx *jsonschema.ValidatorContext, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		var bad *jsonschema.ValidationError
		if err := n.schema.Validate(name); errors.As(err, &bad) {
			bad.SchemaURL, bad.InstanceLocation = n.schema.Location, slices.Clone(ctx.ValueLocation())
			bad.ErrorKind = &kind.PropertyNames{Property: name}
			ctx.AddErr(bad)
		}
	}
}
