package main

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/soltihq/solti-host/host/task"
)

// What is printed as YAML means what JSON would: text stays text.
func TestYAMLKeepsTypes(t *testing.T) {
	in := map[string]any{
		"texts": []any{"true", "123", "1e3", "null", "~", "2026-01-01", "", " lead", "a: b", "# no comment", "two\nlines\n", "0x1f", "- x", "\u0085\x00"},
		"int":   9007199254740993, "bool": true, "nothing": nil, "empty": map[string]any{}, "none": []any{},
	}
	var out strings.Builder
	if err := printYAML(&out, in); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := yaml.Unmarshal([]byte(out.String()), &back); err != nil {
		t.Fatalf("%v in\n%s", err, &out)
	}
	for i, want := range in["texts"].([]any) {
		if got := back["texts"].([]any)[i]; got != want {
			t.Errorf("text %q came back as %#v", want, got)
		}
	}
	if back["int"] != 9007199254740993 || back["bool"] != true || back["nothing"] != nil {
		t.Errorf("got %#v in\n%s", back, &out)
	}
	if strings.Contains(out.String(), "{\"") {
		t.Errorf("not in blocks:\n%s", &out)
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// tasks are one in each kind of place.
func tasks() []*task.Task {
	code := 3
	mk := func(name string, s task.Status) *task.Task {
		return &task.Task{
			Metadata: task.Metadata{Name: task.Name(name), CreationTimestamp: noon.Add(-90 * time.Second)},
			Spec:     task.Spec{Slot: "s", Workload: task.Workload{Kind: "Subprocess"}}, Status: s,
		}
	}
	over := func(k task.OutcomeKind, r task.Reason) *task.Outcome {
		return &task.Outcome{Kind: k, Reason: r, FinishedAt: noon}
	}
	deleted := mk("deleted", task.Status{Phase: task.Running, Attempt: 1})
	deleted.Metadata.DeletionTimestamp = noon
	return []*task.Task{
		mk("queued", task.Status{Phase: task.Pending, Waiting: "slot"}),
		mk("backoff", task.Status{Phase: task.Failed, Attempt: 2, Waiting: "backoff", NextAt: noon.Add(1500 * time.Millisecond)}),
		mk("running", task.Status{Phase: task.Running, Attempt: 1, Runner: "subprocess"}),
		deleted,
		mk("done", task.Status{Phase: task.Succeeded, Attempt: 1, Outcome: over(task.OutcomeCompleted, task.ReasonSucceeded)}),
		mk("failed", task.Status{Phase: task.Exhausted, Attempt: 3, ExitCode: &code, Outcome: over(task.OutcomeFailed, task.ReasonRetriesSpent)}),
		mk("killed", task.Status{Phase: task.Failed, Attempt: 1, Signal: "SIGKILL", Outcome: over(task.OutcomeFailed, task.ReasonFailed)}),
		mk("busy", task.Status{Phase: task.Canceled, Outcome: over(task.OutcomeRejected, task.ReasonSlotBusy)}),
		mk("evil", task.Status{Phase: task.Failed, Attempt: 1, Error: &task.Failure{Reason: task.ReasonInternal, Message: "\x1b[31mred\nmore"},
			Outcome: over(task.OutcomeFatal, task.ReasonPermanent)}),
	}
}

func TestTaskTable(t *testing.T) {
	var out strings.Builder
	tab := newTable(&out)
	taskRows(tab, tasks(), true, noon)
	if err := tab.w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `NAME     SLOT  PHASE      ATTEMPT  AGE    KIND        RUNNER      UID  DETAIL
queued   s     pending    0        1m30s  Subprocess  -           -    waits for slot
backoff  s     failed     2        1m30s  Subprocess  -           -    next attempt in 1.5s
running  s     running    1        1m30s  Subprocess  subprocess  -    -
deleted  s     running    1        1m30s  Subprocess  -           -    being deleted
done     s     succeeded  1        1m30s  Subprocess  -           -    -
failed   s     exhausted  3        1m30s  Subprocess  -           -    retriesSpent: exit code 3
killed   s     failed     1        1m30s  Subprocess  -           -    failed: killed by SIGKILL
busy     s     canceled   0        1m30s  Subprocess  -           -    slotBusy
evil     s     failed     1        1m30s  Subprocess  -           -    permanent: \u001b[31mred…
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestRunTable(t *testing.T) {
	code := 0
	runs := []task.Run{
		{Attempt: 1, Phase: task.LostRun, StartedAt: noon.Add(-time.Hour), FinishedAt: noon.Add(-30 * time.Minute), StdoutBytes: 1 << 20, Error: &task.Failure{Reason: task.ReasonLost, Message: "the host was killed"}},
		{Attempt: 2, Phase: task.Succeeded, StartedAt: noon.Add(-20 * time.Minute), FinishedAt: noon.Add(-10 * time.Minute), ExitCode: &code, StderrBytes: 1536},
		{Attempt: 3, Phase: task.Running, StartedAt: noon.Add(-5 * time.Second)},
	}
	var out strings.Builder
	tab := newTable(&out)
	runRows(tab, runs, false, noon)
	if err := tab.w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `ATTEMPT  PHASE      STARTED  TOOK  EXIT  OUTPUT  DETAIL
1        lost       1h ago   30m   -     1.0MiB  the host was killed
2        succeeded  20m ago  10m   0     1.5KiB  -
3        running    5s ago   5s    -     -       -
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestResultLine(t *testing.T) {
	want := map[string]string{
		"done":   "done succeeded after 1m30s",
		"failed": "failed exhausted after 1m30s (3 attempts, exit code 3, retriesSpent)",
		"killed": "killed failed after 1m30s (killed by SIGKILL)",
		"busy":   "busy canceled after 1m30s (slotBusy)",
		"evil":   `evil failed after 1m30s (\u001b[31mred…, permanent)`,
	}
	for _, x := range tasks() {
		if w, ok := want[string(x.Metadata.Name)]; ok && resultLine(x) != w {
			t.Errorf("got  %q\nwant %q", resultLine(x), w)
		}
	}
}

func TestResultTextShowsFrames(t *testing.T) {
	trapped := func(message string) *task.Task {
		x := tasks()[8]
		x.Status.Error.Message = message
		return x
	}
	const line = "evil failed after 1m30s (trap memory_oob: out of bounds…, permanent)"
	for message, want := range map[string]string{
		"trap memory_oob: out of bounds\n  at deep (/src/app.c:11:69)\n  at \x1bmain\nstderr: said\n  before": line + "\n  at deep (/src/app.c:11:69)\n  at \\u001bmain",
		"trap memory_oob: out of bounds\nstderr: said\n  before":                                              line,
		"trap memory_oob: out of bounds" + strings.Repeat("\n  at f", 50):                                     line + strings.Repeat("\n  at f", maxFrames),
	} {
		if got := resultText(trapped(message)); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	done := trapped("x\n  at f")
	done.Status.Outcome.Kind = task.OutcomeCompleted
	if got := resultText(done); strings.Contains(got, "\n") {
		t.Errorf("a success has %q", got)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "0s", 950 * time.Millisecond: "950ms", 1234 * time.Millisecond: "1.2s", 12 * time.Second: "12s", 200 * time.Second: "3m20s",
		61 * time.Minute: "1h1m", 11 * time.Hour: "11h", 200 * time.Hour: "8d",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %s, want %s", d, got, want)
		}
	}
}
