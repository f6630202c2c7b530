package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// start is when the runs of the sample begin.
var start = time.Date(2026, 4, 6, 22, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func uid(n byte) task.UID { return task.UID{15: n} }

// sample is the evidence of a small run in which nothing is wrong: two lives of a host with a kill
// between them at second 10.
//
//	ok       never, succeeded
//	retried  onFailure with one retry: failed, lost with the host, failed, exhausted
//	always   succeeded twice, and was canceled while it waited
//	dropped  rejected by its slot
//	gone     deleted after a run
//	maybe    nobody knows whether it was stored; it is not there
func sample() *Evidence {
	one := 1
	e := &Evidence{
		Intents: map[string]Intent{
			"s-ok":      {ID: "s-ok", Slot: "a", Policy: task.Never, Lines: 2, Order: 1},
			"s-retried": {ID: "s-retried", Slot: "b", Policy: task.OnFailure, MaxRetries: &one, Fails: true, Lines: 1},
			"s-always":  {ID: "s-always", Slot: "c", Policy: task.Always},
			"s-dropped": {ID: "s-dropped", Slot: "c", Policy: task.Never},
			"s-gone":    {ID: "s-gone", Slot: "a", Policy: task.Never, Order: 2},
			"s-maybe":   {ID: "s-maybe", Slot: "a", Policy: task.Never, Order: 3},
			"s-refused": {ID: "s-refused", Slot: "a", Policy: task.Never},
		},
		Kills: []Kill{{At: at(10)}},
	}
	e.ask(Create, "ok", "s-ok", uid(1))
	e.ask(Apply, "retried", "s-retried", uid(2))
	e.Ops[1].How = task.AppliedCreated
	e.ask(Create, "always", "s-always", uid(3))
	e.ask(Create, "dropped", "s-dropped", uid(4))
	e.ask(Create, "gone", "s-gone", uid(5))
	e.Ops[4].Key = "k"
	e.ask(Get, "ok", "s-ok", uid(1))
	e.Ops = append(e.Ops,
		Op{Kind: Create, Life: 1, Name: "maybe", Spec: "s-maybe", Answer: Unknown},
		Op{Kind: Create, Life: 2, Name: "ok", Spec: "s-refused", Answer: Refused, Reason: task.ReasonAlreadyExists},
		Op{Kind: Delete, Life: 2, Name: "gone", Answer: Done, Gone: true},
		Op{Kind: Cancel, Life: 2, Name: "always", Answer: Done},
		Op{Kind: Get, Life: 2, Name: "always", Answer: Done, UID: uid(3), Generation: 1, Seen: "s-always", Attempt: 2},
	)
	e.Ledger = append(e.Ledger, Line{Kind: Life, Code: 1})
	e.run("ok", 1, 1, 0)
	e.run("gone", 1, 2, 0)
	e.run("retried", 1, 3, 1)
	e.run("always", 1, 4, 0)
	e.Ledger = append(e.Ledger, Line{Kind: Begin, Spec: "s-retried", Name: "retried", Attempt: 2, RunID: "p-b-5", PID: 105})
	e.Ledger = append(e.Ledger, Line{Kind: Life, Code: 2})
	e.run("retried", 3, 12, 1)
	e.run("always", 2, 13, 0)
	zero := 0
	ran := func(name task.Name, slot string, attempt, second int, phase task.Phase, code *int) task.Run {
		seq := second
		return task.Run{
			Attempt: attempt, Generation: 1, RunID: task.RunID(fmt.Sprintf("p-%s-%d", slot, seq)), Phase: phase,
			StartedAt: at(second), FinishedAt: at(second + 1), ExitCode: code,
		}
	}
	lost := ran("retried", "b", 2, 5, task.LostRun, nil)
	lost.FinishedAt = at(11)
	e.final("ok", "s-ok", uid(1), task.Outcome{Kind: task.OutcomeCompleted, Reason: task.ReasonSucceeded},
		ran("ok", "a", 1, 1, task.Succeeded, &zero))
	e.final("retried", "s-retried", uid(2), task.Outcome{Kind: task.OutcomeFailed, Reason: task.ReasonRetriesSpent},
		ran("retried", "b", 1, 3, task.Failed, &one), lost, ran("retried", "b", 3, 12, task.Failed, &one))
	e.final("always", "s-always", uid(3), task.Outcome{Kind: task.OutcomeCanceled, Reason: task.ReasonCanceled},
		ran("always", "c", 1, 4, task.Succeeded, &zero), ran("always", "c", 2, 13, task.Succeeded, &zero))
	e.final("dropped", "s-dropped", uid(4), task.Outcome{Kind: task.OutcomeRejected, Reason: task.ReasonSlotBusy})
	e.find("retried").set(2, nil) // killed before it wrote
	e.Sightings = []Sighting{
		{Life: 1, Name: "retried", UID: uid(2), Generation: 1, Attempt: 1},
		{Life: 1, Name: "gone", UID: uid(5), Generation: 1, Attempt: 1},
		{Life: 1, Name: "ok", UID: uid(1), Generation: 1, Attempt: 1, Outcome: e.find("ok").Task.Status.Outcome},
		{Life: 2, Name: "retried", UID: uid(2), Generation: 1, Attempt: 3},
	}
	e.Followed = []Followed{{Name: "ok", UID: uid(1), Stdout: map[int][]byte{1: e.find("ok").Stdout[1]}}}
	return e
}

// ask adds an acknowledged request.
func (e *Evidence) ask(kind OpKind, name task.Name, spec string, uid task.UID) {
	e.Ops = append(e.Ops, Op{Kind: kind, Life: 1, Name: name, Spec: spec, Answer: Done, UID: uid, Generation: 1, Seen: spec})
}

// run adds what a payload writes.
func (e *Evidence) run(name task.Name, attempt, seq, code int) {
	spec := "s-" + string(name)
	id := task.RunID(fmt.Sprintf("p-%s-%d", e.Intents[spec].Slot, seq))
	l := Line{Kind: Begin, Spec: spec, Name: name, Attempt: attempt, RunID: id, PID: 100 + seq}
	e.Ledger = append(e.Ledger, l)
	l.Kind, l.Code = End, code
	e.Ledger = append(e.Ledger, l)
}

// final adds a task that is over, with the output of its runs.
func (e *Evidence) final(name task.Name, spec string, uid task.UID, out task.Outcome, runs ...task.Run) {
	out.FinishedAt = at(20)
	f := &Final{Runs: runs, Stdout: map[int][]byte{}, Gaps: map[int]int64{}, Task: &task.Task{
		Metadata: task.Metadata{Name: name, UID: uid, Generation: 1, Labels: map[string]string{SpecLabel: spec}},
		Spec:     task.Spec{Workload: task.Workload{Spec: []byte(fmt.Sprintf(`{"args":[%q]}`, spec))}},
		Status:   task.Status{Attempt: len(runs), Outcome: &out},
	}}
	e.Finals = append(e.Finals, f)
	for _, r := range runs {
		f.set(r.Attempt, e.Intents[spec].Output(r.RunID))
	}
}

// set gives an attempt its output.
func (f *Final) set(attempt int, out []byte) {
	f.Stdout[attempt] = out
	f.Runs[attempt-1].StdoutBytes = int64(len(out))
}

func (e *Evidence) find(name task.Name) *Final {
	i := slices.IndexFunc(e.Finals, func(f *Final) bool { return f.Task.Metadata.Name == name })
	return e.Finals[i]
}

func (e *Evidence) lose(name task.Name) {
	e.Finals = slices.DeleteFunc(e.Finals, func(f *Final) bool { return f.Task.Metadata.Name == name })
}

func TestNothingIsFoundWhereNothingIsWrong(t *testing.T) {
	for _, v := range Check(sample()) {
		t.Error(v)
	}
}

// TestPlantedViolationsAreFound breaks every promise in the evidence, one at a time.
func TestPlantedViolationsAreFound(t *testing.T) {
	for _, p := range plants {
		t.Run(p.what, func(t *testing.T) {
			e := sample()
			p.plant(e)
			found := Check(e)
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == p.rule }) {
				t.Errorf("found %v, want a violation of %q", found, p.rule)
			}
		})
	}
}

var plants = []struct {
	what  string
	rule  Rule
	plant func(e *Evidence)
}{
	{"an acknowledged task is missing", Acknowledged, func(e *Evidence) { e.lose("ok") }},
	{"a task has another uid", Acknowledged, func(e *Evidence) { e.find("ok").Task.Metadata.UID = uid(99) }},
	{"an acknowledged apply is missing", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, Op{Kind: Apply, Name: "ok", Spec: "s-gone", Answer: Done, UID: uid(1), Generation: 2, Seen: "s-gone", How: task.AppliedConfigured})
	}},
	{"an apply changed the labels and not the workload", Acknowledged, func(e *Evidence) {
		e.find("ok").Task.Spec.Workload.Spec = []byte(`{"args":["s-gone"]}`)
	}},
	{"a generation is skipped", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, Op{Kind: Apply, Name: "ok", Spec: "s-gone", Answer: Done, UID: uid(1), Generation: 3, Seen: "s-gone", How: task.AppliedConfigured})
	}},
	{"a deleted task is back", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, Op{Kind: Delete, Name: "ok", Answer: Done, Gone: true})
	}},
	{"a task that was to go is there", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, Op{Kind: Delete, Name: "ok", Answer: Done})
	}},
	{"a taken name is given again", Acknowledged, func(e *Evidence) { e.ask(Create, "ok", "s-gone", uid(9)) }},
	{"a free name counts as taken", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, Op{Kind: Create, Name: "free", Spec: "s-gone", Answer: Refused, Reason: task.ReasonAlreadyExists})
	}},
	{"a task is not found that is there", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, Op{Kind: Get, Name: "ok", Answer: Refused, Reason: task.ReasonNotFound})
	}},
	{"a key gives another task", Acknowledged, func(e *Evidence) {
		e.Ops = slices.Insert(e.Ops, 5, e.Ops[4])
		e.Ops[5].UID = uid(77)
	}},
	{"a key makes a task again that was deleted", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, e.Ops[4])
		e.Ops[len(e.Ops)-1].UID = uid(77)
	}},
	{"a key brings a task back that was deleted", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, e.Ops[4])
		e.final("gone", "s-gone", uid(5), task.Outcome{Kind: task.OutcomeCanceled})
	}},
	{"a key is refused whose task was deleted", Acknowledged, func(e *Evidence) {
		e.Ops = append(e.Ops, Op{Kind: Create, Name: "gone", Spec: "s-gone", Key: "k", Answer: Refused, Reason: task.ReasonNotFound})
	}},
	{"a refused task is stored", Wanted, func(e *Evidence) {
		e.find("ok").Task.Metadata.Labels[SpecLabel] = "s-refused"
	}},
	{"a task nobody asked for", Wanted, func(e *Evidence) {
		e.final("stranger", "s-stranger", uid(50), task.Outcome{Kind: task.OutcomeCanceled})
	}},
	{"a spec is there twice", Wanted, func(e *Evidence) {
		e.final("ok-2", "s-ok", uid(51), task.Outcome{Kind: task.OutcomeRejected})
	}},
	{"a run is missing", Gapless, func(e *Evidence) { f := e.find("always"); f.Runs = f.Runs[1:] }},
	{"the last run is missing", Gapless, func(e *Evidence) { f := e.find("always"); f.Runs = f.Runs[:1] }},
	{"a run has no end", Gapless, func(e *Evidence) { e.find("ok").Runs[0].FinishedAt = time.Time{} }},
	{"a run began before the one before ended", Exclusive, func(e *Evidence) { e.find("always").Runs[1].StartedAt = at(4) }},
	{"a payload found its task's lock taken", Exclusive, func(e *Evidence) {
		e.Ledger = append(e.Ledger, Line{Kind: Overlap, Name: "ok", RunID: "p-a-90", Note: "task"})
	}},
	{"a payload found its slot's lock taken", Exclusive, func(e *Evidence) {
		e.Ledger = append(e.Ledger, Line{Kind: Overlap, Name: "ok", RunID: "p-a-90", Note: "slot"})
	}},
	{"never began twice", Policy, func(e *Evidence) {
		l := e.Ledger[1]
		l.RunID = "p-a-91"
		e.Ledger = append(e.Ledger, l)
	}},
	{"never has two runs", Policy, func(e *Evidence) {
		f := e.find("ok")
		r := f.Runs[0]
		r.Attempt, r.RunID, r.StartedAt, r.FinishedAt = 2, "p-a-92", at(30), at(31)
		f.Runs = append(f.Runs, r)
		f.Task.Status.Attempt = 2
	}},
	{"never has two runs of which one was lost on its way", Policy, func(e *Evidence) { e.turnAway("connection reset") }},
	{"a lost run counted as a retry", Policy, func(e *Evidence) {
		f := e.find("retried")
		f.Runs = f.Runs[:2]
		f.Task.Status.Attempt = 2
	}},
	{"a failure too many", Policy, func(e *Evidence) {
		r := &e.find("retried").Runs[1]
		r.Phase, r.ExitCode = task.Failed, e.find("retried").Runs[0].ExitCode
	}},
	{"a run after a success", Policy, func(e *Evidence) {
		e.find("retried").Runs[0].Phase = task.Succeeded
	}},
	{"completed without a success", Policy, func(e *Evidence) { e.find("ok").Runs[0].Phase = task.Failed }},
	{"what restarts ended lost", Policy, func(e *Evidence) {
		e.find("retried").Task.Status.Outcome.Kind = task.OutcomeLost
	}},
	{"rejected after a run", Policy, func(e *Evidence) { e.find("ok").Task.Status.Outcome.Kind = task.OutcomeRejected }},
	{"canceled by nobody", Policy, func(e *Evidence) {
		e.find("ok").Task.Status.Outcome = &task.Outcome{Kind: task.OutcomeCanceled, Reason: task.ReasonCanceled}
	}},
	{"a queue is served out of order", Policy, func(e *Evidence) {
		e.Ledger[1], e.Ledger[3] = e.Ledger[3], e.Ledger[1]
		e.Ledger[2], e.Ledger[4] = e.Ledger[4], e.Ledger[2]
	}},
	{"a canceled task went on", Canceled, func(e *Evidence) {
		e.Ops[len(e.Ops)-1].Attempt = 1
	}},
	{"a canceled task is not over", Canceled, func(e *Evidence) { e.find("always").Task.Status.Outcome = nil }},
	{"a run number is used twice", Numbers, func(e *Evidence) { e.find("always").Runs[1].RunID = "p-c-3" }},
	{"a run id began twice", Numbers, func(e *Evidence) { e.Ledger = append(e.Ledger, e.Ledger[3]) }},
	{"numbers are not in the order of time", Numbers, func(e *Evidence) {
		e.find("ok").Runs[0].StartedAt = at(8)
	}},
	{"a later life gives lower numbers", Numbers, func(e *Evidence) {
		e.Ops[0].Life = 2
	}},
	{"a payload ran without a record", Effects, func(e *Evidence) {
		e.Ledger = append(e.Ledger, Line{Kind: Begin, Spec: "s-ok", Name: "ok", Attempt: 2, RunID: "p-a-93"})
	}},
	{"a success whose payload did not end", Effects, func(e *Evidence) { e.Ledger = slices.Delete(e.Ledger, 2, 3) }},
	{"a success whose payload never began", Effects, func(e *Evidence) { e.Ledger = slices.Delete(e.Ledger, 1, 3) }},
	{"another exit code", Effects, func(e *Evidence) { e.Ledger[2].Code = 3 }},
	{"another attempt", Effects, func(e *Evidence) { e.Ledger[1].Attempt = 2 }},
	{"lost while nothing was killed", Lost, func(e *Evidence) { e.Kills[0].At = at(100) }},
	{"output is cut", Output, func(e *Evidence) { f := e.find("ok"); f.set(1, f.Stdout[1][:5]) }},
	{"output is of another run", Output, func(e *Evidence) {
		f := e.find("retried")
		f.set(2, []byte("1 p-b-3\n"))
	}},
	{"output is repeated", Output, func(e *Evidence) { f := e.find("ok"); f.set(1, append(f.Stdout[1], f.Stdout[1]...)) }},
	{"output has a gap", Output, func(e *Evidence) { e.find("ok").Gaps[1] = 4 }},
	{"output is counted wrongly", Output, func(e *Evidence) { e.find("ok").Runs[0].StdoutBytes++ }},
	{"a follower saw other bytes", Output, func(e *Evidence) {
		e.Followed[0].Stdout[1] = []byte("1 p-a-1\n1 p-a-1\n")
	}},
	{"an attempt was seen that is not there", Stable, func(e *Evidence) { e.Sightings[3].Attempt = 4 }},
	{"an outcome changed", Stable, func(e *Evidence) {
		e.Sightings[2].Outcome = &task.Outcome{Kind: task.OutcomeLost, Reason: task.ReasonHostLost, FinishedAt: at(20)}
	}},
	{"an outcome was taken back", Stable, func(e *Evidence) {
		e.Sightings = append(e.Sightings, Sighting{Life: 2, Name: "ok", UID: uid(1), Generation: 1, Attempt: 1})
	}},
	{"a seen task is not there", Stable, func(e *Evidence) { e.lose("ok") }},
	{"a task never ends", Live, func(e *Evidence) { e.find("ok").Task.Status.Outcome = nil }},
	{"a process is left", Clean, func(e *Evidence) { e.Left = []string{"4711 sleep"} }},
	{"an error in the log", Quiet, func(e *Evidence) { e.Errors = []string{"panic"} }},
}

func TestAnswersThatDidNotComeLeaveBothPossible(t *testing.T) {
	for _, there := range []bool{true, false} {
		e := sample()
		if there {
			e.final("maybe", "s-maybe", uid(6), task.Outcome{Kind: task.OutcomeRejected})
		}
		if v := Check(e); len(v) != 0 {
			t.Errorf("there %t: %v", there, v)
		}
	}
	e := sample()
	e.Ops = append(e.Ops, Op{Kind: Get, Name: "maybe", Answer: Done, UID: uid(6), Generation: 1, Seen: "s-maybe"})
	if v := Check(e); len(v) == 0 {
		t.Error("it was seen, so it must be there")
	}
}

// A deleted task's key still gives the answer that it gave first.
func TestAKeyOutlivesItsTask(t *testing.T) {
	e := sample()
	e.Ops = append(e.Ops, e.Ops[4], e.Ops[4])
	for _, v := range Check(e) {
		t.Error(v)
	}
}

// A run that found its plugin down never began.
func TestWhatIsTurnedAwayCountsForNothing(t *testing.T) {
	e := sample()
	e.turnAway("plugin p: the plugin is not ready")
	for _, v := range Check(e) {
		t.Error(v)
	}
}

// turnAway puts a run before that of the task ok which was lost and of which there is no payload.
func (e *Evidence) turnAway(why string) {
	f := e.find("ok")
	second := f.Runs[0]
	first := second
	first.RunID, first.Phase, first.ExitCode, first.StdoutBytes = "p-a-0", task.LostRun, nil, 0
	first.StartedAt, first.FinishedAt = at(0), at(0)
	first.Error = &task.Failure{Reason: task.ReasonLost, Message: why}
	second.Attempt = 2
	f.Runs, f.Task.Status.Attempt = []task.Run{first, second}, 2
	f.Stdout[2], f.Stdout[1] = f.Stdout[1], nil
	e.Followed = nil
	e.Ops[0].Key = "k0" // nobody knows the life it was made in, and 0 is a number as good as any
	e.Kills = append(e.Kills, Kill{At: at(-1), Until: at(0)})
	for i := range e.Ledger {
		if e.Ledger[i].RunID == second.RunID {
			e.Ledger[i].Attempt = 2
		}
	}
}

func TestReadLedger(t *testing.T) {
	lines, err := ReadLedger(strings.NewReader("life 3\nbegin s t 2 r-a-4 17\nend s t 2 r-a-4 17 9\noverlap s t 2 r-a-4 17 slot\n"))
	want := Line{Kind: End, Spec: "s", Name: "t", Attempt: 2, RunID: "r-a-4", PID: 17, Code: 9}
	if more, err := ReadLedger(strings.NewReader("life 3\nbegin s t 2 r-")); err != nil || len(more) != 1 {
		t.Errorf("with a line that is being written: %+v, %v", more, err)
	}
	if err != nil || len(lines) != 4 || lines[0].Code != 3 || lines[2] != want || lines[3].Note != "slot" {
		t.Errorf("got %+v, %v", lines, err)
	}
	for _, torn := range []string{"begin s t 2 r-a-4", "egin s t 2 r-a-4 17", "begin s t two r-a-4 17", "", "end s t 2 r-a-4 17 x"} {
		if _, err := ReadLedger(strings.NewReader(torn + "\n")); err == nil {
			t.Errorf("%q: want an error", torn)
		}
	}
}
