package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/soltihq/solti-host/plugins/wasm/internal/runner"
	"github.com/soltihq/solti-host/plugins/wasm/internal/settings"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
)

// TestDocumentationHasEveryField compares the page for submitters and operators with the schemas.
func TestDocumentationHasEveryField(t *testing.T) {
	page, err := os.ReadFile("../../docs/wasm.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := strings.Join(regexp.MustCompile("`[^`\n]+`").FindAllString(string(page), -1), "\n")
	for name, schema := range map[string][]byte{"workload": workload.Schema, "settings": settings.Schema} {
		var root any
		if err := json.Unmarshal(schema, &root); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, field := range fields(root) {
			n++
			if !regexp.MustCompile(`\b` + field + `\b`).MatchString(quoted) {
				t.Errorf("docs/wasm.md does not have the field %s of the %s", field, name)
			}
		}
		if n < 10 {
			t.Errorf("the schema of the %s has %d fields: this test no longer understands it", name, n)
		}
	}
}

// TestDocumentationHasEveryMetric compares the page with what is gathered, in both directions.
func TestDocumentationHasEveryMetric(t *testing.T) {
	page, err := os.ReadFile("../../docs/wasm.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	families, err := runner.New("", hclog.NewNullLogger()).Metrics().Gather()
	if err != nil || len(families) < 20 {
		t.Fatalf("%d families are gathered: %v", len(families), err)
	}
	gathered := []string{"info"} // there is none before the first attempt
	for _, f := range families {
		gathered = append(gathered, strings.TrimPrefix(f.GetName(), "solti_runner_wasm_"))
	}
	var told []string
	for row := range strings.Lines(section) {
		if strings.HasPrefix(row, "| `") {
			for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
				told = append(told, name[1])
			}
		}
	}
	slices.Sort(gathered)
	slices.Sort(told)
	if !slices.Equal(told, gathered) {
		t.Errorf("docs/wasm.md lists %q, gathered are %q", told, gathered)
	}
}

// fields returns the names of all properties in a schema.
func fields(schema any) (all []string) {
	switch node := schema.(type) {
	case map[string]any:
		if properties, ok := node["properties"].(map[string]any); ok {
			for name := range properties {
				all = append(all, name)
			}
		}
		for _, v := range node {
			all = append(all, fields(v)...)
		}
	case []any:
		for _, v := range node {
			all = append(all, fields(v)...)
		}
	}
	return all
}
