package plugin

import "github.com/santhosh-tekuri/jsonschema/v6"

// subschemas returns the schemas that s refers to.
func subschemas(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.UnevaluatedProperties,
		s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
	}
	if s.DynamicRef != nil {
		all = append(all, s.DynamicRef.Ref)
	}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		all = append(all, list...)
	}
	for _, m := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		for _, below := range m {
			all = append(all, below)
		}
	}
	for _, below := range s.PatternProperties {
		all = append(all, below)
	}
	mixed := []any{s.AdditionalProperties, s.AdditionalItems, s.Items}
	for _, d := range s.Dependencies {
		mixed = append(mixed, d)
	}
	for _, m := range mixed {
		switch m := m.(type) {
		case *jsonschema.Schema:
			all = append(all, m)
		case []*jsonschema.Schema:
			all = append(all, m...)
		}
	}
	return all
}
