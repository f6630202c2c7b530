package plugin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/soltihq/solti-host/host/task"
)

// A complaint is what a schema says against one value. Of several about one value only the plainest
// kind is told: whoever mends that need not read the others.
type complaint struct {
	task.FieldError
	vague bool // it gives a pattern, and says nothing where another complaint does
}

// complaints gather what a schema says against doc.
type complaints struct {
	schemas map[string]*jsonschema.Schema // by location
	root    string                        // path of doc
	doc     any
	found   []complaint
}

// problemsOf returns a schema's complaints, sorted by path.
func (s *schema) problemsOf(bad *jsonschema.ValidationError, doc any) task.FieldErrors {
	c := &complaints{schemas: s.schemas, root: s.at, doc: doc}
	c.add(bad, nil, "")
	slices.SortStableFunc(c.found, func(a, b complaint) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), vagueLast(a.vague, b.vague), strings.Compare(a.Message, b.Message))
	})
	var errs task.FieldErrors
	for i, p := range c.found {
		if i > 0 && p.Path == c.found[i-1].Path && (p.vague || p == c.found[i-1]) {
			continue
		}
		if len(errs) == maxProblems {
			errs.Add(s.at, "and further problems")
			break
		}
		errs = append(errs, p.FieldError)
	}
	return errs
}

func vagueLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// add takes in what bad says. Above is the location of the value that a further complaint was about
// in which bad lies, and described what the schema there says of it.
func (c *complaints) add(bad *jsonschema.ValidationError, above []string, described string) {
	s := c.schemas[bad.SchemaURL]
	if text := description(s); text != "" {
		described = text
	} else if !slices.Equal(above, bad.InstanceLocation) {
		described = ""
	}
	at := pathOf(c.root, bad.InstanceLocation, c.doc)
	switch k := bad.ErrorKind.(type) {
	case *kind.Required:
		c.missing(at, k.Missing, "is required")
	case *kind.DependentRequired:
		c.missing(at, k.Missing, "is required where "+clean(k.Prop, maxName)+" is given")
	case *kind.Dependency:
		c.missing(at, k.Missing, "is required where "+clean(k.Prop, maxName)+" is given")
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			c.say(task.FieldPath(at, name), unknown(name, s))
		}
	case *kind.PropertyNames:
		c.say(task.FieldPath(at, k.Property), "has a name that is not allowed"+because(bad))
	case *kind.FalseSchema:
		c.forbidden(bad, at)
	case *kind.AnyOf, *kind.OneOf:
		c.alternatives(bad, at, described)
	case *kind.Not, *kind.Contains, *kind.MinContains:
		c.say(at, explain(bad, c.doc, described)) // what is below says why it is so, and not what to do
	default:
		if len(bad.Causes) > 0 {
			for _, cause := range bad.Causes {
				c.add(cause, bad.InstanceLocation, described)
			}
			return
		}
		_, vague := k.(*kind.Pattern)
		c.found = append(c.found, complaint{task.FieldError{Path: at, Message: explain(bad, c.doc, described)}, vague})
	}
}

func (c *complaints) say(path, message string) {
	c.found = append(c.found, complaint{FieldError: task.FieldError{Path: path, Message: message}})
}

func (c *complaints) missing(at string, names []string, message string) {
	for _, name := range names {
		c.say(task.FieldPath(at, name), message)
	}
}

// forbidden is said of a value that no schema fits.
func (c *complaints) forbidden(bad *jsonschema.ValidationError, at string) {
	parent, last := bad.SchemaURL, ""
	if i := strings.LastIndexByte(parent, '/'); i >= 0 {
		parent, last = parent[:i], parent[i+1:]
	}
	if n := len(bad.InstanceLocation); n > 0 && (last == "unevaluatedProperties" || last == "additionalProperties") {
		c.say(at, unknown(bad.InstanceLocation[n-1], c.schemas[parent]))
		return
	}
	c.say(at, "is not allowed here")
}

// alternatives says what is wrong with a value that should fit one of several schemas. Where it has
// the type of one of them only, that is the one that was meant.
func (c *complaints) alternatives(bad *jsonschema.ValidationError, at, described string) {
	var meant []*jsonschema.ValidationError
	var wants []string
	for _, cause := range bad.Causes {
		if t := typeProblem(cause, bad.InstanceLocation); t != nil {
			wants = append(wants, t.Want...)
		} else {
			meant = append(meant, cause)
		}
	}
	switch {
	case len(meant) == 1:
		c.add(meant[0], bad.InstanceLocation, described)
	case len(meant) == 0 && len(wants) > 0:
		c.say(at, wrongType(wants, valueAt(bad.InstanceLocation, c.doc)))
	default:
		c.say(at, explain(bad, c.doc, described))
	}
}

// typeProblem returns the complaint about the type of the value at a location, if bad is nothing else.
func typeProblem(bad *jsonschema.ValidationError, at []string) *kind.Type {
	for {
		if t, ok := bad.ErrorKind.(*kind.Type); ok && slices.Equal(bad.InstanceLocation, at) {
			return t
		}
		if _, ok := bad.ErrorKind.(*kind.Reference); !ok || len(bad.Causes) != 1 {
			return nil
		}
		bad = bad.Causes[0]
	}
}

// step returns the value that a token of a JSON pointer leads to, if there is one.
func step(doc any, token string) any {
	switch v := doc.(type) {
	case []any:
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v) {
			return v[i]
		}
	case map[string]any:
		return v[token]
	}
	return nil
}

func valueAt(tokens []string, doc any) any {
	for _, token := range tokens {
		doc = step(doc, token)
	}
	return doc
}

// pathOf turns the tokens of a JSON pointer into a path below that of doc.
func pathOf(path string, tokens []string, doc any) string {
	for _, token := range tokens {
		if _, ok := doc.([]any); ok {
			path += "[" + token + "]"
		} else {
			path = task.FieldPath(path, token)
		}
		doc = step(doc, token)
	}
	return path
}
