// Package schematest checks documents against a JSON Schema that a runner publishes, so that the tests of a runner can
// hold its schema and its own rules against each other. What a schema may be is the host's business, and not looked at.
package schematest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Validate checks a JSON document against a schema. Its error, if the document breaks the schema, is a
// [*jsonschema.ValidationError]; a schema or document that cannot be read ends the test.
func Validate(t testing.TB, schema []byte, document string) error {
	t.Helper()
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatalf("the schema: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", root); err != nil {
		t.Fatalf("the schema: %v", err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatalf("the schema: %v", err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		t.Fatalf("the document %.200s: %v", document, err)
	}
	return compiled.Validate(value)
}
