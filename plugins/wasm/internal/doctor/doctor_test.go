package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/child"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, child.Modes()) }

// roomy are settings that leave a child with the race detector enough memory.
const roomy = `"compile": {"memory": 1099511627776}`

// invoke returns the exit code of Main, and what it wrote.
func invoke(t *testing.T, ctx context.Context, settings string, args ...string) (code int, out, errs string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var o, e bytes.Buffer
	code = Main(ctx, append([]string{"--settings", "-"}, args...), strings.NewReader(settings), &o, &e)
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left in the place for temporary files: %v, %v", left, err)
	}
	return code, o.String(), e.String()
}

// finding returns what a report says of a thing.
func finding(t *testing.T, r *Report, name string) Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Name == name {
			return f
		}
	}
	t.Errorf("there is nothing about %s in %+v", name, r)
	return Finding{}
}

func TestAModuleIsRunOnTrial(t *testing.T) {
	_, out, errs := invoke(t, t.Context(), "{"+roomy+"}", "-o", "json")
	var r Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %q, %q", err, out, errs)
	}
	if f := finding(t, &r, trialName); f.State != Good || !strings.Contains(f.Detail, "a module ran in a worker by the ") {
		t.Errorf("the trial: %+v", f)
	}
	// A test has no other binary inside, so that not all is good, and what to do is said.
	if f := finding(t, &r, "Workers"); f.State != Worse || f.Remedy == "" || r.Good {
		t.Errorf("workers: %+v, good %t", f, r.Good)
	}
	for _, f := range r.Findings {
		if (f.Remedy == "") != (f.State == Good) {
			t.Errorf("%+v", f)
		}
	}
}

func TestSettingsThatCannotBeUsedAreFound(t *testing.T) {
	code, out, _ := invoke(t, t.Context(), `{`+roomy+`, "mounts": [{"path": "/no/such/dir"}, {"path": "/dev/null"}], "signatures": {"keys": ["/no/key"]}}`)
	if code != exitNotGood {
		t.Errorf("code %d", code)
	}
	for _, want := range []string{"mounts[0]:", "/no/such/dir", "/dev/null is not a directory", "plugins.wasm.settings.mounts", "signatures:"} {
		if !strings.Contains(out, want) {
			t.Errorf("the text lacks %q:\n%s", want, out)
		}
	}
	if !strings.Contains(out, "a module ran in a worker") {
		t.Errorf("the trial asked for a signature:\n%s", out)
	}
}

// A trial that fails is told as what tasks would meet.
func TestATrialThatFailsIsTold(t *testing.T) {
	code, out, _ := invoke(t, t.Context(), `{`+roomy+`, "modules": {"maxSize": 8}}`)
	if code != exitNotGood || !strings.Contains(out, "missing: ") || !strings.Contains(out, "Tasks fail for the same reason.") {
		t.Errorf("code %d\n%s", code, out)
	}
}

func TestMisuseIsToldSo(t *testing.T) {
	for want, args := range map[string][]string{
		"takes no arguments": {"now"}, "not json": {"-o", "xml"}, "not defined: -fuel": {"--fuel"},
	} {
		if code, out, errs := invoke(t, t.Context(), "{}", args...); code != exitMisuse || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%q: code %d, %q, %q", args, code, out, errs)
		}
	}
	if code, _, errs := invoke(t, t.Context(), `{"fuel": 1}`); code != exitMisuse || !strings.Contains(errs, "fuel: unknown field") {
		t.Errorf("wrong settings: code %d, %q", code, errs)
	}
	if code, _, errs := invoke(t, t.Context(), "{}", "--help"); code != exitGood || !strings.Contains(errs, "usage: ") {
		t.Errorf("help: code %d, %q", code, errs)
	}
}

func TestAnInterruptedTrialLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, errs := invoke(t, ctx, "{}"); code != exitUnknown || !strings.Contains(errs, "canceled") {
		t.Errorf("code %d, %q", code, errs)
	}
}
