package plugin

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/soltihq/solti-host/host/task"
)

// Bounds of what a message takes from a schema or a spec, in bytes.
const (
	maxName = 80
	maxText = 500
)

// clean returns foreign text on one line, bounded.
func clean(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(s) <= n {
		return s
	}
	return bound(s, n) + "..."
}

// description returns what a schema says about its values, for people.
func description(s *jsonschema.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Description != "":
		return clean(s.Description, maxText)
	}
	return clean(s.Title, maxText)
}

// unknown is said of a field that s does not know.
func unknown(name string, s *jsonschema.Schema) string {
	known, patterns := make(map[string]bool), []string(nil)
	gather(s, known, &patterns, maxDepth)
	if len(known) == 0 && len(patterns) == 1 {
		return "has a name that is not allowed: it must match " + clean(patterns[0], maxText)
	}
	among := make([]string, 0, len(known))
	for k := range known {
		among = append(among, k)
	}
	slices.Sort(among)
	if like := task.Closest(name, among); like != "" {
		return "unknown field; did you mean " + clean(like, maxName) + "?"
	}
	return "unknown field"
}

// gather collects the names of fields that s, or what else holds for the same value, knows.
func gather(s *jsonschema.Schema, known map[string]bool, patterns *[]string, depth int) {
	if s == nil || depth == 0 || len(known) > maxEnum {
		return
	}
	for name := range s.Properties {
		known[name] = true
	}
	for p := range s.PatternProperties {
		*patterns = append(*patterns, p.String())
	}
	same := slices.Concat([]*jsonschema.Schema{s.Ref, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf)
	for _, below := range same {
		gather(below, known, patterns, depth-1)
	}
}

// because says why a name is not allowed, where one reason can be told.
func because(bad *jsonschema.ValidationError) string {
	if len(bad.Causes) != 1 || len(bad.Causes[0].Causes) > 0 {
		return ""
	}
	return ": it " + explain(bad.Causes[0], nil, "")
}

// typeNames are the types of JSON Schema, as package task names values.
var typeNames = map[string]string{
	"null": "null", "boolean": "a boolean", "number": "a number", "integer": "a whole number",
	"string": "a string", "array": "an array", "object": "an object",
}

// wrongType says that a value has none of the types that are wanted.
func wrongType(want []string, got any) string {
	names := make([]string, 0, len(want))
	for _, w := range want {
		if name := typeNames[w]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	is, hint := "an object", ""
	switch v := got.(type) {
	case nil:
		is = "null"
	case bool:
		is = "a boolean"
	case string:
		is = "a string"
	case []any:
		is = "an array"
	case json.Number:
		if is = "a number"; slices.Contains(want, "integer") {
			is = v.String()
		}
	}
	switch got.(type) {
	case bool, json.Number:
		if slices.Contains(want, "string") {
			hint = ": put it in quotes"
		}
	}
	return "must be " + choice(names) + ", not " + is + hint
}

// explain says in one sentence what is wrong with a value of doc. Described is what the schema says
// of the value, if anything.
func explain(bad *jsonschema.ValidationError, doc any, described string) string {
	switch k := bad.ErrorKind.(type) {
	case *kind.Type:
		return wrongType(k.Want, valueAt(bad.InstanceLocation, doc))
	case *kind.Enum:
		return wrongValue(k.Want, k.Got)
	case *kind.Const:
		return wrongValue([]any{k.Want}, nil)
	case *kind.Pattern:
		if described != "" {
			return "does not fit its description: " + described
		}
		return "must match " + clean(k.Want, maxText)
	case *kind.AnyOf:
		return "fits none of the alternatives" + hint(described)
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "fits more than one of the alternatives, of which it must fit exactly one" + hint(described)
		}
		return "fits none of the alternatives, of which it must fit exactly one" + hint(described)
	case *kind.Not:
		return "is not allowed so" + hint(described)
	case *kind.Format:
		return "is not a valid " + clean(k.Want, maxName)
	case *kind.UniqueItems:
		return fmt.Sprintf("must not repeat an item, as [%d] and [%d] do", k.Duplicates[0], k.Duplicates[1])
	}
	if text := explainSize(bad.ErrorKind); text != "" {
		return text
	}
	return clean(bad.ErrorKind.LocalizedString(message.NewPrinter(language.English)), maxText)
}

// explainSize is explain for what is too small or too large.
func explainSize(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return atLeast(k.Want, k.Got, "character")
	case *kind.MaxLength:
		return atMost(k.Want, k.Got, "character")
	case *kind.MinItems:
		return atLeast(k.Want, k.Got, "item")
	case *kind.MaxItems:
		return atMost(k.Want, k.Got, "item")
	case *kind.MinProperties:
		return atLeast(k.Want, k.Got, "field")
	case *kind.MaxProperties:
		return atMost(k.Want, k.Got, "field")
	case *kind.Minimum:
		return "must be at least " + number(k.Want) + ", not " + number(k.Got)
	case *kind.Maximum:
		return "must be at most " + number(k.Want) + ", not " + number(k.Got)
	case *kind.ExclusiveMinimum:
		return "must be above " + number(k.Want) + ", not " + number(k.Got)
	case *kind.ExclusiveMaximum:
		return "must be below " + number(k.Want) + ", not " + number(k.Got)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want) + ", not " + number(k.Got)
	}
	return ""
}

// hint adds a description to a message.
func hint(described string) string {
	if described == "" {
		return ""
	}
	return ": " + described
}

func atLeast(want, got int, what string) string {
	if want == 1 {
		return "must not be empty"
	}
	return fmt.Sprintf("must have at least %d %ss, not %d", want, what, got)
}

func atMost(want, got int, what string) string {
	if want != 1 {
		what += "s"
	}
	return fmt.Sprintf("must have at most %d %s, not %d", want, what, got)
}

// number writes a number as it would stand in a spec, shortened.
func number(r *big.Rat) string {
	if r.IsInt() {
		return clean(r.Num().String(), maxName)
	}
	f, _ := r.Float64()
	return fmt.Sprint(f)
}

// wrongValue says that got, if it is a text, is none of the values that are wanted.
func wrongValue(want []any, got any) string {
	texts, words := make([]string, 0, len(want)), []string(nil)
	for _, v := range want {
		texts = append(texts, valueText(v))
		if s, ok := v.(string); ok {
			words = append(words, s)
		}
	}
	text := "must be " + choice(texts)
	given, ok := got.(string)
	if !ok {
		return text
	}
	text += ", not " + strconv.Quote(clean(given, maxName))
	if like := task.Closest(given, words); like != "" {
		text += "; did you mean " + clean(like, maxName) + "?"
	}
	return text
}

// valueText writes a value of an enum: words as they are, whatever could be misread as JSON.
func valueText(v any) string {
	s, ok := v.(string)
	if ok && s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == ',' || r > '~' }) {
		return clean(s, maxName)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return clean(fmt.Sprint(v), maxName)
	}
	return clean(string(b), maxName)
}

// maxChoice bounds the words of a choice.
const maxChoice = 20

// choice lists words: a, b or c.
func choice(words []string) string {
	n := len(words)
	if n > maxChoice {
		return strings.Join(words[:maxChoice], ", ") + " or one of " + strconv.Itoa(n-maxChoice) + " others"
	}
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
}
