package router

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

var (
	subprocess = task.Kind{APIVersion: "solti.io/v1", Name: "Subprocess"}
	wasm       = task.Kind{APIVersion: "solti.io/v1", Name: "Wasm"}
	probe      = task.Kind{APIVersion: "acme.dev/v1", Name: "Probe"}
)

func setup(t *testing.T) *Table {
	t.Helper()
	table, err := New([]Runner{
		{Name: "near", Kinds: []task.Kind{subprocess}, Labels: map[string]string{"zone": "eu"}},
		{Name: "far", Kinds: []task.Kind{subprocess, probe}, Labels: map[string]string{"zone": "us", "gpu": ""}},
		{Name: "wasm", Kinds: []task.Kind{wasm}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func specOf(k task.Kind, selector string) *task.Spec {
	s := &task.Spec{Slot: "s", Workload: task.Workload{APIVersion: k.APIVersion, Kind: k.Name}}
	if selector != "" {
		var err error
		if s.RunnerSelector, err = task.ParseSelector(selector); err != nil {
			panic(err)
		}
	}
	return s
}

func TestRouteGoesByKindAndLabelsInOrder(t *testing.T) {
	table := setup(t)
	for _, c := range []struct {
		kind     task.Kind
		selector string
		want     []string
	}{
		{subprocess, "", []string{"near", "far"}},
		{subprocess, "zone=us", []string{"far"}},
		{subprocess, "zone in (us,eu)", []string{"near", "far"}},
		{subprocess, "zone notin (us)", []string{"near"}},
		{subprocess, "gpu", []string{"far"}},
		{subprocess, "!gpu", []string{"near"}},
		{subprocess, "solti.io/runner-name=far", []string{"far"}},
		{probe, "", []string{"far"}},
		{wasm, "!zone", []string{"wasm"}},
	} {
		got, err := table.Route(specOf(c.kind, c.selector))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s %q: got %q, %v, want %q", c.kind, c.selector, got, err, c.want)
		}
	}
	if got, err := table.Route(&task.Spec{
		Workload: specOf(subprocess, "").Workload, RunnerSelector: &task.Selector{},
	}); err != nil || len(got) != 2 {
		t.Errorf("an empty selector: got %q, %v", got, err)
	}
}

func TestNoRunnerNamesEveryRunnerWithItsReason(t *testing.T) {
	table := setup(t)
	for _, c := range []struct{ kind, selector, want string }{
		{"solti.io/v1 Subprocess", "zone=asia,gpu", "solti.io/v1 Subprocess: no runner accepts the task: " +
			`near: its labels do not satisfy runnerSelector: zone=asia (zone is "eu"); ` +
			`far: its labels do not satisfy runnerSelector: zone=asia (zone is "us"); ` +
			"wasm: does not declare solti.io/v1 Subprocess"},
		{"solti.io/v1 Subproces", "", "solti.io/v1 Subproces: no runner accepts the task: " +
			"near: does not declare solti.io/v1 Subproces; far: does not declare solti.io/v1 Subproces; wasm: does not declare solti.io/v1 Subproces; " +
			"there are runners for acme.dev/v1 Probe, solti.io/v1 Subprocess, solti.io/v1 Wasm; did you mean solti.io/v1 Subprocess?"},
		{"solti.io/v2 Probe", "", "solti.io/v2 Probe: no runner accepts the task: " +
			"near: does not declare solti.io/v2 Probe; far: does not declare solti.io/v2 Probe; wasm: does not declare solti.io/v2 Probe; " +
			"there are runners for acme.dev/v1 Probe, solti.io/v1 Subprocess, solti.io/v1 Wasm; did you mean acme.dev/v1 Probe?"},
	} {
		version, name, _ := strings.Cut(c.kind, " ")
		_, err := table.Route(specOf(task.Kind{APIVersion: version, Name: name}, c.selector))
		var none *NoRunnerError
		if !errors.As(err, &none) || !errors.Is(err, task.ErrNoRunner) || len(none.Refused) != 3 {
			t.Fatalf("%s: got %#v", c.kind, err)
		}
		if err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %v", c.kind, err, c.want)
		}
	}
	empty := new(Table)
	_, err := empty.Route(specOf(wasm, ""))
	if want := "solti.io/v1 Wasm: no runner accepts the task: there are no runners; put runner plugins into the plugins directory"; err == nil || err.Error() != want {
		t.Errorf("an empty table:\ngot  %v\nwant %v", err, want)
	}
}

func TestEmbeddedTasksAreNotRoutable(t *testing.T) {
	table := setup(t)
	_, err := table.Route(specOf(task.Embedded, ""))
	var embedded *EmbeddedError
	if !errors.As(err, &embedded) || errors.Is(err, task.ErrNoRunner) || !strings.Contains(err.Error(), "Embedded") {
		t.Errorf("got %v", err)
	}
	if fit, refused := table.Candidates(specOf(task.Embedded, "")); len(fit) != 0 || len(refused) != 3 {
		t.Errorf("got %q and %v", fit, refused)
	}
}

func TestNewRefuses(t *testing.T) {
	ok := []task.Kind{probe}
	for _, c := range []struct {
		runners []Runner
		want    string
	}{
		{[]Runner{{Kinds: ok}}, `runner "": name must not be empty`},
		{[]Runner{{Name: "A", Kinds: ok}}, `runner "A": name "A": must begin with a-z and consist of a-z, 0-9 and '-'`},
		{[]Runner{{Name: "a-", Kinds: ok}}, `runner "a-": name must not end with a hyphen`},
		{[]Runner{{Name: "a", Kinds: ok}, {Name: "a", Kinds: ok}}, `runner "a": another runner has this name`},
		{[]Runner{{Name: "a"}}, `runner "a": declares no kind`},
		{[]Runner{{Name: "a", Kinds: []task.Kind{probe, probe}}}, `runner "a": kinds[1]: acme.dev/v1 Probe is declared twice`},
		{[]Runner{{Name: "a", Kinds: []task.Kind{task.Embedded}}}, `runner "a": kinds[0]: solti.io/v1 Embedded is code of the host itself, which no runner takes`},
		{[]Runner{{Name: "a", Kinds: []task.Kind{{APIVersion: "a.b/v1"}}}}, `runner "a": kinds[0]: kind: must not be empty`},
		{[]Runner{{Name: "a", Kinds: ok, Labels: map[string]string{"x": "-"}}},
			`runner "a": labels.x: the value "-" must begin and end with a letter or digit and have only '-', '_' and '.' besides`},
		{[]Runner{{Name: "A"}, {Name: "b"}}, `runner "A": name "A": must begin with a-z and consist of a-z, 0-9 and '-'` + "\ndeclares no kind\n" + `runner "b": declares no kind`},
	} {
		table, err := New(c.runners)
		if err == nil || err.Error() != c.want || table != nil {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestTableIsASnapshot(t *testing.T) {
	labels := map[string]string{"zone": "eu", NameLabel: "somebody-else"}
	kinds := []task.Kind{probe}
	table, err := New([]Runner{{Name: "a", Labels: labels, Kinds: kinds}})
	if err != nil {
		t.Fatal(err)
	}
	labels["zone"], kinds[0] = "us", wasm
	table.Runners()[0].Labels["zone"] = "us"
	table.Runners()[0].Kinds[0] = wasm
	if _, err := table.Route(specOf(probe, "zone=eu,solti.io/runner-name=a")); err != nil {
		t.Error(err)
	}
	names, _ := table.Route(specOf(probe, ""))
	_ = append(names, "x")
	if got := table.Kinds(); !slices.Equal(got, []task.Kind{probe}) {
		t.Errorf("kinds %v", got)
	}
	want := []Runner{{Name: "a", Labels: map[string]string{"zone": "eu", NameLabel: "a"}, Kinds: []task.Kind{probe}}}
	if got := table.Runners(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestRouteIsAWalkOverAllRunners compares with the obvious walk.
func TestRouteIsAWalkOverAllRunners(t *testing.T) {
	kinds := []task.Kind{subprocess, wasm, probe}
	zones := []string{"", "eu", "us"}
	rapid.Check(t, func(t *rapid.T) {
		var runners []Runner
		for i := range rapid.IntRange(0, 5).Draw(t, "runners") {
			r := Runner{Name: "r" + string(rune('a'+i)), Kinds: rapid.SliceOfNDistinct(rapid.SampledFrom(kinds), 1, 3, rapid.ID).Draw(t, "kinds")}
			if zone := rapid.SampledFrom(zones).Draw(t, "zone"); zone != "" {
				r.Labels = map[string]string{"zone": zone}
			}
			runners = append(runners, r)
		}
		table, err := New(runners)
		if err != nil {
			t.Fatal(err)
		}
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		zone := rapid.SampledFrom(zones).Draw(t, "wanted zone")
		s := specOf(kind, "")
		if zone != "" {
			s = specOf(kind, "zone="+zone)
		}
		var want []string
		for _, r := range runners {
			if slices.Contains(r.Kinds, kind) && (zone == "" || r.Labels["zone"] == zone) {
				want = append(want, r.Name)
			}
		}
		got, err := table.Route(s)
		fit, refused := table.Candidates(s)
		if !slices.Equal(got, want) || !slices.Equal(fit, want) || (err == nil) != (len(want) > 0) {
			t.Fatalf("got %q, %q, %v, want %q", got, fit, err, want)
		}
		if len(fit)+len(refused) != len(runners) {
			t.Fatalf("%d fit and %d are refused of %d", len(fit), len(refused), len(runners))
		}
		for _, r := range refused {
			if r.Accepts || r.Reason == "" {
				t.Fatalf("refused without a reason: %+v", r)
			}
		}
	})
}

func BenchmarkRoute(b *testing.B) {
	table, err := New([]Runner{{Name: "a", Kinds: []task.Kind{subprocess}}, {Name: "b", Kinds: []task.Kind{wasm}}})
	if err != nil {
		b.Fatal(err)
	}
	s := specOf(wasm, "solti.io/runner-name=b")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := table.Route(s); err != nil {
			b.Fatal(err)
		}
	}
}
