package sdktest

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/soltihq/solti-host/sdk"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

func (s *suite) nameChecks() []check {
	return []check{
		{"IsValid", s.nameIsValid},
		{"IsStable", s.nameIsStable},
	}
}

var (
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	versionForm = regexp.MustCompile(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`)
	groupForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/v[0-9][a-z0-9]{0,20}$`)
	kindForm    = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,62}$`)
)

// maxSchema bounds a JSON Schema, in bytes.
const maxSchema = 256 << 10

func (s *suite) nameIsValid(t *testing.T) {
	p := start(t, s.Config)
	began := time.Now()
	n, err := p.client.Name(p.within(t), &pluginv1.NameRequest{})
	if err != nil {
		t.Fatalf("Name: %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Name took %v, want at most 2 s", took)
	}
	if !nameForm.MatchString(n.Name) {
		t.Errorf("name %q does not match %v", n.Name, nameForm)
	}
	if file := filepath.Base(s.Binary); file != sdk.FilePrefix+n.Name {
		t.Errorf("the file is called %s, want %s%s", file, sdk.FilePrefix, n.Name)
	}
	if n.Version != "" && !versionForm.MatchString(n.Version) {
		t.Errorf("version %q is not a semantic version such as 1.2.3", n.Version)
	}
	if n.RunnerType != "" && !nameForm.MatchString(n.RunnerType) {
		t.Errorf("runner type %q does not match %v", n.RunnerType, nameForm)
	}
	if len(n.Kinds) == 0 {
		t.Error("the runner declares no kinds")
	}
	seen := make(map[string]bool)
	for _, k := range n.Kinds {
		checkKind(t, k)
		if id := k.ApiVersion + " " + k.Kind; seen[id] {
			t.Errorf("kind %s is declared twice", id)
		} else {
			seen[id] = true
		}
	}
}

func checkKind(t *testing.T, k *pluginv1.KindInfo) {
	t.Helper()
	if !groupForm.MatchString(k.ApiVersion) || !kindForm.MatchString(k.Kind) {
		t.Errorf("kind %q of %q is not like Probe of acme.dev/v1", k.Kind, k.ApiVersion)
	}
	if len(k.SpecSchema) == 0 {
		return
	}
	if len(k.SpecSchema) > maxSchema {
		t.Errorf("the schema of %s has %d bytes, want at most %d", k.Kind, len(k.SpecSchema), maxSchema)
	}
	var schema map[string]any
	if err := json.Unmarshal(k.SpecSchema, &schema); err != nil {
		t.Errorf("the schema of %s is not a JSON object: %v", k.Kind, err)
	}
}

func (s *suite) nameIsStable(t *testing.T) {
	p := start(t, s.Config)
	ctx := p.within(t)
	want, err := p.client.Name(ctx, &pluginv1.NameRequest{})
	if err != nil {
		t.Fatalf("Name: %v", err)
	}
	if s.OK != nil {
		s.run(t, p, s.OK)
	}
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() {
			got, err := p.client.Name(ctx, &pluginv1.NameRequest{HostVersion: "other"})
			if err != nil || !proto.Equal(got, want) {
				t.Errorf("Name answers %v, %v, and before %v", got, err, want)
			}
		})
	}
	calls.Wait()
	again := start(t, s.Config)
	got, err := again.client.Name(again.within(t), &pluginv1.NameRequest{})
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("Name answers %v, %v after a restart, and before %v", got, err, want)
	}
}
