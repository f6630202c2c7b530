package plugin

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/soltihq/solti-host/host/task"
)

// problemsOf flattens a schema's complaints into one error for each field, sorted by path.
func problemsOf(bad *jsonschema.ValidationError, doc any) task.FieldErrors {
	var errs task.FieldErrors
	flatten(bad, doc, &errs)
	slices.SortStableFunc(errs, func(a, b task.FieldError) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Message, b.Message))
	})
	errs = slices.Compact(errs)
	if len(errs) > maxProblems {
		errs = append(errs[:maxProblems:maxProblems], task.FieldError{
			Path: specPath, Message: fmt.Sprintf("and %d further problems", len(errs)-maxProblems),
		})
	}
	return errs
}

func flatten(bad *jsonschema.ValidationError, doc any, errs *task.FieldErrors) {
	at := pathOf(bad.InstanceLocation, doc)
	switch k := bad.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			errs.Add(join(at, name), "is required")
		}
		return
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			errs.Add(join(at, name), "unknown field")
		}
		return
	case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.Contains, *kind.MinContains:
		// The complaints of each alternative do not add up to one that must be mended.
		errs.Add(at, "%s", explain(bad))
		return
	}
	if len(bad.Causes) == 0 {
		errs.Add(at, "%s", explain(bad))
		return
	}
	for _, cause := range bad.Causes {
		flatten(cause, doc, errs)
	}
}

// pathOf turns the tokens of a JSON pointer into a path from the task's root.
func pathOf(tokens []string, doc any) string {
	path := specPath
	for _, token := range tokens {
		switch v := doc.(type) {
		case []any:
			path += "[" + token + "]"
			i := 0
			if _, err := fmt.Sscan(token, &i); err != nil || i < 0 || i >= len(v) {
				return path
			}
			doc = v[i]
		case map[string]any:
			path = join(path, token)
			doc = v[token]
		default:
			return join(path, token)
		}
	}
	return path
}

// join adds a field's name to a path, quoted where it is not a plain word.
func join(path, name string) string {
	name = bound(name, maxPath)
	plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if plain {
		return path + "." + name
	}
	return fmt.Sprintf("%s[%q]", path, name)
}

// explain says in one sentence what is wrong.
func explain(bad *jsonschema.ValidationError) string {
	switch k := bad.ErrorKind.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be %s, not %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return "must be one of " + bound(list(k.Want), 500)
	case *kind.Const:
		return "must be " + bound(list([]any{k.Want}), 500)
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, has %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, has %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items, has %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items, has %d", k.Want, k.Got)
	case *kind.Pattern:
		return fmt.Sprintf("must match %s", bound(k.Want, 500))
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be above " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be below " + number(k.Want)
	case *kind.AnyOf:
		return "fits none of the alternatives"
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "fits more than one of the alternatives, of which it must fit exactly one"
		}
		return "fits none of the alternatives, of which it must fit exactly one"
	case *kind.FalseSchema:
		return "is not allowed here"
	default:
		return bound(bad.ErrorKind.LocalizedString(message.NewPrinter(language.English)), 500)
	}
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return fmt.Sprint(f)
}

func list(values []any) string {
	texts := make([]string, 0, len(values))
	for _, v := range values[:min(len(values), 20)] {
		if s, ok := v.(string); ok {
			texts = append(texts, fmt.Sprintf("%q", s))
		} else {
			texts = append(texts, fmt.Sprint(v))
		}
	}
	if len(values) > 20 {
		texts = append(texts, "and others")
	}
	return strings.Join(texts, ", ")
}
