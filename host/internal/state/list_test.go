package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/internal/store/memory"
	"github.com/soltihq/solti-host/host/task"
)

// drawTask makes a task out of few words, so that queries meet it.
func drawTask(t *rapid.T, i int) made {
	m := made{
		name:   fmt.Sprintf("%s-%d", rapid.SampledFrom([]string{"a", "b", "ab", "z.z"}).Draw(t, "name"), i),
		slot:   rapid.SampledFrom([]string{"s", "s-", "t"}).Draw(t, "slot"),
		phase:  rapid.SampledFrom(task.Phases).Draw(t, "phase"),
		done:   rapid.Bool().Draw(t, "done"),
		system: rapid.IntRange(0, 9).Draw(t, "system") == 0,
		labels: map[string]string{},
	}
	for _, k := range []string{"k", "kk", "l"} {
		if rapid.Bool().Draw(t, k) {
			m.labels[k] = rapid.SampledFrom([]string{"", "v", "vv", "w"}).Draw(t, "value")
		}
	}
	return m
}

func drawQuery(t *rapid.T) task.Query {
	q := task.Query{Limit: rapid.IntRange(1, 7).Draw(t, "limit"), System: rapid.Bool().Draw(t, "with system")}
	if rapid.Bool().Draw(t, "by slot") {
		q.Slot = task.Slot(rapid.SampledFrom([]string{"s", "s-", "t", "none"}).Draw(t, "slot"))
	}
	if rapid.Bool().Draw(t, "by phase") {
		q.Phases = rapid.SliceOfN(rapid.SampledFrom(append(task.Phases, "odd")), 1, 3).Draw(t, "phases")
	}
	key, value := rapid.SampledFrom([]string{"k", "kk", "l", "m"}), rapid.SampledFrom([]string{"", "v", "vv", "w", "x"})
	switch rapid.IntRange(0, 2).Draw(t, "by label") {
	case 1:
		q.Labels = &task.Selector{MatchLabels: map[string]string{key.Draw(t, "key"): value.Draw(t, "value")}}
	case 2:
		q.Labels = new(task.Selector)
		for range rapid.IntRange(1, 2).Draw(t, "requirements") {
			r := task.Requirement{Key: key.Draw(t, "key"), Operator: rapid.SampledFrom([]task.Operator{task.In, task.NotIn, task.Exists, task.DoesNotExist}).Draw(t, "operator")}
			if r.Operator == task.In || r.Operator == task.NotIn {
				r.Values = rapid.SliceOfN(value, 1, 3).Draw(t, "values")
			}
			q.Labels.MatchExpressions = append(q.Labels.MatchExpressions, r)
		}
	}
	return q
}

// selects is what a query means, said plainly.
func selects(q task.Query, r event.Record) bool {
	t := r.Task
	return (q.System || !r.Book.System) && (q.Slot == "" || q.Slot == t.Spec.Slot) &&
		(len(q.Phases) == 0 || slices.Contains(q.Phases, t.Status.Phase)) && q.Labels.Matches(t.Metadata.Labels)
}

func TestListAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := memory.New(nil)
		v := newView()
		st := &State{store: s, view: v, epoch: "e"}
		want := map[string]event.Record{}
		for i := range rapid.IntRange(0, 60).Draw(rt, "tasks") {
			m := drawTask(rt, i)
			r := m.record()
			commit := []event.Record{r}
			if rapid.Bool().Draw(rt, "changes") { // other slot, labels and phase
				o := drawTask(rt, i)
				o.name, o.system = m.name, m.system
				c := next(o.record(), event.Updated, func(t *task.Task) { t.Metadata.UID = r.Task.Metadata.UID })
				c.Respec = true
				commit = append(commit, c)
			}
			if err := s.Commit(commit); err != nil {
				rt.Fatal(err)
			}
			st.apply(commit)
			want[m.name] = commit[len(commit)-1]
			if rapid.IntRange(0, 5).Draw(rt, "remove") == 0 {
				gone := []event.Record{{Kind: event.Removed, Task: r.Task}}
				if err := s.Commit(gone); err != nil {
					rt.Fatal(err)
				}
				st.apply(gone)
				delete(want, m.name)
			}
		}
		for range 5 {
			checkPages(rt, st, drawQuery(rt), want)
		}
	})
}

func checkPages(t *rapid.T, st *State, q task.Query, tasks map[string]event.Record) {
	var want []string
	for name, r := range tasks {
		if selects(q, r) {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	var got []string
	for {
		l, err := st.List(q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		got = append(got, names(l)...)
		left, told := len(want)-len(got), l.Metadata.RemainingItemCount
		if told != left && (told != 0 || newFilter(&q).selected < 2 && q.Labels == nil) {
			t.Fatalf("%+v: %d remaining after %v, want %d of %v", q, told, got, left, want)
		}
		if more := l.Metadata.Continue != ""; more != (left > 0) {
			t.Fatalf("%+v: more is %v after %v, and there are %d more", q, more, got, left)
		}
		if q.Continue = l.Metadata.Continue; q.Continue == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%+v: got %v, want %v", q, got, want)
	}
}

// TestQueriesVisitOnlyWhatTheySelect fills a view with 20,000 tasks and counts the entries that queries
// look at.
func TestQueriesVisitOnlyWhatTheySelect(t *testing.T) {
	v := newView()
	const n = 20_000
	for i := range n {
		m := made{name: fmt.Sprintf("task-%05d", i), slot: fmt.Sprintf("slot-%d", i%200), phase: task.Succeeded, done: true,
			labels: map[string]string{"team": fmt.Sprint(i % 50), "half": fmt.Sprint(i % 2)}}
		if i%1000 == 0 {
			m.phase = task.Failed
			m.labels["rare"] = fmt.Sprint(i)
		}
		r := m.record()
		v.apply(&r)
	}
	in := func(key string, op task.Operator, values ...string) *task.Selector {
		return &task.Selector{MatchExpressions: []task.Requirement{{Key: key, Operator: op, Values: values}}}
	}
	for _, tt := range []struct {
		name    string
		query   task.Query
		visited int // at most
		total   int // selected; -1 means that it is not counted
	}{
		{"all", task.Query{}, 10, n},
		{"slot", task.Query{Slot: "slot-7"}, 10, 100},
		{"phase", task.Query{Phases: []task.Phase{task.Succeeded}}, 10, n - 20},
		{"rare phase", task.Query{Phases: []task.Phase{task.Failed, task.Running}}, 10, 20},
		{"all phases", task.Query{Phases: task.Phases}, 10, n},
		{"label", task.Query{Labels: &task.Selector{MatchLabels: map[string]string{"team": "3"}}}, 10, 400},
		{"label in", task.Query{Labels: in("team", task.In, "3", "4", "4")}, 10, 800},
		{"label exists", task.Query{Labels: in("rare", task.Exists)}, 20, 20},
		{"slot and phase", task.Query{Slot: "slot-0", Phases: []task.Phase{task.Failed}}, 11, -1},
		{"slot and label", task.Query{Slot: "slot-7", Labels: in("half", task.In, "1")}, 11, -1},
		{"slot and label, all", task.Query{Slot: "slot-7", Labels: in("half", task.In, "2")}, 0, 0},
		{"label and not in", task.Query{Labels: &task.Selector{MatchLabels: map[string]string{"team": "4"},
			MatchExpressions: []task.Requirement{{Key: "half", Operator: task.NotIn, Values: []string{"1"}}}}}, 11, -1},
		{"nobody", task.Query{Slot: "none"}, 0, 0},
	} {
		p := v.page(newFilter(&tt.query), "", 10)
		total := -1
		if p.counted {
			total = len(p.entries) + p.remaining
		}
		if p.visited > tt.visited || total != tt.total || p.more != (tt.total < 0 || tt.total > 10) {
			t.Errorf("%s: visited %d, selected %d, more %v; want at most %d, exactly %d", tt.name, p.visited, total, p.more, tt.visited, tt.total)
		}
	}
}

func TestContinueTokens(t *testing.T) {
	b := setup(t)
	for i := range 5 {
		r := made{name: fmt.Sprintf("t%d", i), slot: "s", done: i%2 == 0}.record()
		b.do(r, ended(r, day, false), ended(ended(r, day, false), day, true))
	}
	q := task.Query{Limit: 2, Slot: "s"}
	token := b.list(q).Metadata.Continue
	runs, err := b.Runs("t0", task.RunQuery{Limit: 1})
	if err != nil || runs.Metadata.Continue == "" || runs.Metadata.RemainingItemCount != 1 {
		t.Fatalf("Runs: %+v, %v", runs, err)
	}

	c, _ := open(t, b.store) // as after a restart
	q.Continue = token
	wantNames(t, c.list(q), "t2", "t3")
	more, err := c.Runs("t0", task.RunQuery{Limit: 1, Continue: runs.Metadata.Continue})
	if err != nil || len(more.Items) != 1 || more.Items[0].Attempt != 2 || more.Metadata.Continue != "" {
		t.Errorf("second page of runs: %+v, %v", more, err)
	}

	other := setup(t)
	other.do(made{name: "t0", slot: "s"}.record())
	for name, bad := range map[string]struct {
		on *bundle
		q  task.Query
	}{
		"other filter":  {c, task.Query{Continue: token}},
		"other store":   {other, q},
		"cut":           {c, task.Query{Slot: "s", Continue: token[:len(token)-1]}},
		"short":         {c, task.Query{Slot: "s", Continue: "AA"}},
		"garbled":       {c, task.Query{Slot: "s", Continue: flip(token)}},
		"not a token":   {c, task.Query{Slot: "s", Continue: "*"}},
		"of runs":       {c, task.Query{Slot: "s", Continue: runs.Metadata.Continue}},
		"two megabytes": {c, task.Query{Slot: "s", Continue: strings.Repeat("A", 2<<20)}},
	} {
		if _, err := bad.on.List(bad.q); !errors.Is(err, task.ErrExpired) {
			t.Errorf("%s: %v, want task.ErrExpired", name, err)
		}
	}
	if _, err := c.Runs("t1", task.RunQuery{Continue: runs.Metadata.Continue}); !errors.Is(err, task.ErrExpired) {
		t.Errorf("token of another task's runs: %v, want task.ErrExpired", err)
	}
}

func TestPageIsBoundedInBytes(t *testing.T) {
	b := setup(t)
	for i := range 5 {
		r := made{name: fmt.Sprintf("t%d", i), done: i%2 == 0}.record()
		r.Task.Spec.Workload.Spec = []byte(`"` + strings.Repeat("x", 3<<20/2) + `"`)
		if i == 0 {
			r.Task.Metadata.Annotations = map[string]string{"a": strings.Repeat("y", 5<<20)}
		}
		b.do(r)
	}
	first := b.list(task.Query{})
	wantNames(t, first, "t0")
	second := b.list(task.Query{Continue: first.Metadata.Continue})
	wantNames(t, second, "t1", "t2")
	if first.Metadata.RemainingItemCount != 4 || second.Metadata.RemainingItemCount != 2 {
		t.Errorf("remaining %d and %d, want 4 and 2", first.Metadata.RemainingItemCount, second.Metadata.RemainingItemCount)
	}
	wantNames(t, b.list(task.Query{Continue: second.Metadata.Continue}), "t3", "t4")
}

func TestEmptyListIsNotNil(t *testing.T) {
	l := setup(t).list(task.Query{Limit: -1})
	if l.Items == nil || l.Kind != "TaskList" || l.Metadata.Continue != "" || l.Metadata.ResourceVersion == "" {
		t.Errorf("got %+v", l)
	}
}

func TestLongQueriesFindNobody(t *testing.T) {
	b := setup(t)
	b.do(made{name: "a", labels: map[string]string{"k": "v"}}.record())
	long := strings.Repeat("k", 70_000)
	for _, s := range []*task.Selector{
		{MatchLabels: map[string]string{long: "v"}},
		{MatchLabels: map[string]string{"k": long}},
		{MatchExpressions: []task.Requirement{{Key: long, Operator: task.Exists}}},
		{MatchExpressions: []task.Requirement{{Key: "k", Operator: "odd"}}},
	} {
		wantNames(t, b.list(task.Query{Labels: s}))
	}
}

func TestRunsChecksUID(t *testing.T) {
	b := setup(t)
	r := made{name: "a"}.record()
	b.do(r)
	if l, err := b.Runs("a", task.RunQuery{UID: r.Task.Metadata.UID}); err != nil || len(l.Items) != 0 || l.Items == nil {
		t.Errorf("Runs: %+v, %v", l, err)
	}
	for _, q := range []struct {
		name task.Name
		q    task.RunQuery
	}{{"a", task.RunQuery{UID: task.NewUID(day)}}, {"b", task.RunQuery{}}} {
		if _, err := b.Runs(q.name, q.q); !errors.Is(err, task.ErrNotFound) {
			t.Errorf("Runs(%s, %+v): %v, want task.ErrNotFound", q.name, q.q, err)
		}
	}
}

// flip changes the first digit of a token.
func flip(token string) string {
	if token[0] == 'A' {
		return "B" + token[1:]
	}
	return "A" + token[1:]
}
