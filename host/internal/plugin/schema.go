package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/soltihq/solti-host/host/task"
)

// Bounds of a plugin's schema and of what is checked against it.
const (
	maxSchema     = 256 << 10 // bytes
	maxDepth      = 64        // levels, of schemas and of what is checked
	maxEnum       = 1024      // values of one enum
	maxProgram    = 2000      // instructions of one pattern
	maxNumber     = 64        // digits of a number
	maxExponent   = 400       // of a number
	maxValues     = 20_000    // values in what is checked
	maxSteps      = 100_000   // schemas visited in one check; patterns count by length
	patternWeight = 4096      // bytes times instructions that count as one step
	maxProblems   = 100
)

// A schema checks the specs of one kind. Its evaluation ends after maxSteps steps, whatever the
// schema says: nested choices and references could otherwise take time that doubles with each level.
type schema struct {
	at      string     // path of what it describes, from the root of the document that people wrote
	mu      sync.Mutex // held during a check: budget belongs to it
	root    *jsonschema.Schema
	schemas map[string]*jsonschema.Schema // all that can be reached from root, by location
	budget  *budget
}

type budget struct{ left int }

// errBudget is what a check panics with, and nobody but check sees, when its budget is spent.
var errBudget = errors.New("the schema is too expensive to evaluate")

func (b *budget) spend(n int) {
	if b.left -= n; b.left < 0 {
		panic(errBudget)
	}
}

// compileSchema reads a schema of what lies at a path. Nil means that any object is taken.
func compileSchema(at string, raw []byte) (s *schema, err error) {
	if len(raw) == 0 {
		return nil, nil //nolint:nilnil // documented
	}
	if len(raw) > maxSchema {
		return nil, fmt.Errorf("the schema has %d bytes, at most %d are allowed", len(raw), maxSchema)
	}
	defer func() { // the compiler is given foreign data
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("the schema cannot be compiled: %v", p)
		}
	}()
	doc, err := decodeBounded(raw)
	if err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	if err := checkKeywords(doc); err != nil {
		return nil, err
	}
	s = &schema{at: at, budget: new(budget)}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(s.budget.compilePattern)
	const location = "solti:///schema.json"
	if err := c.AddResource(location, doc); err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	if s.root, err = c.Compile(location); err != nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	s.schemas = make(map[string]*jsonschema.Schema)
	return s, s.meter(s.root, make(map[*jsonschema.Schema]bool))
}

// noLoader refuses everything that is not in the schema itself.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s: schemas must not refer to anything outside themselves", url)
}

// decodeBounded reads JSON whose depth and numbers are bounded.
func decodeBounded(raw []byte) (any, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	left := maxValues
	return doc, checkBounds(doc, 0, &left)
}

func checkBounds(v any, depth int, left *int) error {
	if depth > maxDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxDepth)
	}
	if *left--; *left < 0 {
		return fmt.Errorf("it holds more than %d values", maxValues)
	}
	switch v := v.(type) {
	case json.Number:
		return checkNumber(string(v))
	case []any:
		for _, e := range v {
			if err := checkBounds(e, depth+1, left); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range v {
			if err := checkBounds(e, depth+1, left); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkNumber keeps numbers away whose exact value would fill the memory.
func checkNumber(s string) error {
	mantissa, exp, _ := strings.Cut(strings.ToLower(s), "e")
	n, err := strconv.Atoi(strings.TrimPrefix(exp, "+"))
	if len(mantissa) > maxNumber || exp != "" && (err != nil || n > maxExponent || n < -maxExponent) {
		return fmt.Errorf("the number %s is too long or too large", bound(s, maxNumber))
	}
	return nil
}

// checkKeywords refuses what could lead outside the schema, or cannot be bounded. It looks at names
// wherever they are, so that a property called $ref must be described in another way.
func checkKeywords(v any) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := checkKeywords(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, e := range v {
			ref, isText := e.(string)
			switch {
			case key == "$ref" && isText && !strings.HasPrefix(ref, "#"):
				return fmt.Errorf("the schema refers to %q: only references within it, that begin with #, are allowed", bound(ref, 200))
			case key == "$dynamicRef" || key == "$recursiveRef":
				return fmt.Errorf("the schema uses %s, which is not supported: use $ref", key)
			}
			if err := checkKeywords(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// compilePattern is the engine for patterns, whose use costs budget.
func (b *budget) compilePattern(text string) (jsonschema.Regexp, error) {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxProgram {
		return nil, fmt.Errorf("the pattern %q is too large", bound(text, 200))
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{Regexp: compiled, budget: b, cost: len(prog.Inst)}, nil
}

type pattern struct {
	*regexp.Regexp
	budget *budget
	cost   int // instructions
}

// MatchString pays and matches.
func (p *pattern) MatchString(s string) bool {
	p.budget.spend(1 + int(int64(len(s))*int64(p.cost)/patternWeight))
	return p.Regexp.MatchString(s)
}

// meter makes every schema that can be reached from one pay for its visit. A schema's format is looked
// at on every visit before anything below it, which is why the meter sits there.
func (all *schema) meter(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) error {
	if s == nil || seen[s] {
		return nil
	}
	seen[s] = true
	all.schemas[s.Location] = s
	if s.Enum != nil && len(s.Enum.Values) > maxEnum {
		return fmt.Errorf("the schema has an enum of %d values, at most %d are allowed", len(s.Enum.Values), maxEnum)
	}
	check := func(any) error { return nil }
	name := ""
	if s.Format != nil {
		check, name = s.Format.Validate, s.Format.Name
	}
	cost := 1
	if s.Enum != nil {
		cost += len(s.Enum.Values) / 16
	}
	s.Format = &jsonschema.Format{Name: name, Validate: func(v any) error {
		all.budget.spend(cost)
		return check(v)
	}}
	reached := subschemas(s)
	if s.PropertyNames != nil {
		s.Extensions, s.PropertyNames = append(s.Extensions, names{s.PropertyNames}), nil
	}
	for _, below := range reached {
		if err := all.meter(below, seen); err != nil {
			return err
		}
	}
	return nil
}

// specPath is where a workload's spec lies in a task.
const specPath = "spec.workload.spec"

// check returns what is wrong with a JSON object, with paths that begin with the schema's. It accepts a
// nil schema.
func (s *schema) check(raw []byte) (errs task.FieldErrors) {
	if s == nil {
		return nil
	}
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	doc, err := decodeBounded(raw)
	if err != nil {
		errs.Add(s.at, "%v", err)
		return errs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			errs = nil
			errs.Add(s.at, "it cannot be checked: %v", p)
		}
	}()
	s.budget.left = maxSteps
	err = s.root.Validate(doc)
	var bad *jsonschema.ValidationError
	if errors.As(err, &bad) {
		return s.problemsOf(bad, doc)
	}
	if err != nil {
		errs.Add(s.at, "%v", err)
	}
	return errs
}
