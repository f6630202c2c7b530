package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

func TestAnIdempotencyKeyOutlivesTheHost(t *testing.T) {
	t.Parallel()
	s := serve(t)
	post := func(doc string) answer {
		t.Helper()
		return s.do(http.MethodPost, prefix+"/tasks", strings.NewReader(doc), "Idempotency-Key", "k-1")
	}
	doc := `{"apiVersion": "solti.io/v1", "kind": "Task", "spec": {"slot": "s",
		"workload": {"apiVersion": "solti.io/v1", "kind": "Subprocess", "spec": {"command": "true"}}}}`
	first := post(doc)
	if first.code != http.StatusCreated {
		t.Fatalf("%d %s", first.code, first.body)
	}
	s.over(first.task(t).Metadata.Name)
	for _, crash := range []bool{true, false} {
		if crash {
			s.kill()
		} else {
			s.stop()
		}
		s.start()
		again := post("apiVersion: solti.io/v1\nkind: Task\nspec: {slot: s, workload: {apiVersion: solti.io/v1, kind: Subprocess, spec: {command: 'true'}}}\n")
		if again.code != http.StatusCreated || again.task(t).Metadata.UID != first.task(t).Metadata.UID {
			t.Errorf("the same in YAML after a restart: %d %s", again.code, again.body)
		}
		other := post(strings.Replace(doc, `"true"`, `"false"`, 1))
		if other.code != http.StatusUnprocessableEntity || other.status(t).Reason != task.ReasonKeyReused {
			t.Errorf("another task under the key: %d %s", other.code, other.body)
		}
	}
	if names := s.names(); len(names) != 1 {
		t.Errorf("stored %q, want one task", names)
	}
}

// An sseEvent is one event of an output stream.
type sseEvent struct {
	id, name string
	data     task.OutputEvent
}

// follow reads the events of a task's output after lastID until the stream ends or take says so.
func (s *server) follow(name, lastID string, take func(sseEvent) (more bool)) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+prefix+"/tasks/"+name+"/output?follow=true", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	var e sseEvent
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				return err
			}
		case "":
			if e.name != "" && !take(e) {
				return nil
			}
			e = sseEvent{}
		}
	}
	return lines.Err()
}

// A transcript joins the chunks of a task's standard output, each of which must follow the one before.
type transcript struct {
	t     *testing.T
	text  map[int]*strings.Builder // by attempt
	ended map[int]*task.Run
	last  string
}

func newTranscript(t *testing.T) *transcript {
	return &transcript{t: t, text: map[int]*strings.Builder{}, ended: map[int]*task.Run{}}
}

func (r *transcript) take(e sseEvent) {
	switch e.name {
	case "chunk":
		b := r.text[e.data.Attempt]
		if b == nil {
			b = new(strings.Builder)
			r.text[e.data.Attempt] = b
		}
		if int64(b.Len()) != e.data.Offset {
			r.t.Errorf("attempt %d: a chunk at %d after %d bytes", e.data.Attempt, e.data.Offset, b.Len())
		}
		b.Write(e.data.Data)
	case "gap":
		r.t.Errorf("attempt %d: a gap of %d bytes: %s", e.data.Attempt, e.data.Bytes, e.data.Reason)
	case "ended":
		r.ended[e.data.Attempt] = e.data.Run
	}
	if e.id != "" {
		r.last = e.id
	}
}

// counted reports whether text is the numbers from 1 on, a line each; the last may be cut short.
func counted(text string) bool {
	n := 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		n++
		want := strconv.Itoa(n) + "\n"
		if line != want && !strings.HasPrefix(want, line) {
			return false
		}
	}
	return true
}

func TestAFollowerGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.submit(shell("a", `if [ "$SOLTI_ATTEMPT" -lt 3 ]; then i=1; while :; do echo $i; i=$((i+1)); [ $((i%50)) != 0 ] || sleep 0.01; done; fi; echo 1; echo 2`, onFailure))
	r := newTranscript(t)
	for attempt := 1; attempt <= 2; attempt++ {
		err := s.follow("a", r.last, func(e sseEvent) bool {
			r.take(e)
			text := r.text[attempt]
			return text == nil || text.Len() < 2000
		})
		if err != nil {
			t.Fatal(err)
		}
		// What was written after the follower left is on disk too: the host wrote it before it died.
		s.kill()
		s.start()
	}
	if err := s.follow("a", r.last, func(e sseEvent) bool { r.take(e); return e.name != "done" }); err != nil {
		t.Fatal(err)
	}
	for attempt, phase := range map[int]task.Phase{1: task.LostRun, 2: task.LostRun, 3: task.Succeeded} {
		run, text := r.ended[attempt], ""
		if b := r.text[attempt]; b != nil {
			text = b.String()
		}
		if run == nil || run.Phase != phase || run.StdoutBytes != int64(len(text)) {
			t.Errorf("attempt %d ended as %+v after %d bytes were read", attempt, run, len(text))
		}
		if !counted(text) {
			t.Errorf("attempt %d: lines are missing or repeated in %q", attempt, text)
		}
	}
	if text := r.text[3].String(); text != "1\n2\n" {
		t.Errorf("the third attempt wrote %q", text)
	}
}

func TestAHundredFollowersReadTheSame(t *testing.T) {
	t.Parallel()
	s := serve(t)
	gate := filepath.Join(t.TempDir(), "go")
	s.submit(shell("a", `while ! test -e `+gate+`; do sleep 0.01; done; seq 1 20000; echo end >&2`, ""))
	const followers = 100
	texts := make(chan string, followers)
	begun := make(chan struct{}, followers)
	for range followers {
		go func() {
			var out, errs strings.Builder
			begun <- struct{}{}
			for c, err := range s.client.Output(t.Context(), "a", task.OutputQuery{From: task.Cursor{Attempt: 1}, Follow: true}) {
				if err != nil {
					errs.WriteString(err.Error())
				}
				if c.Gap > 0 {
					fmt.Fprintf(&errs, "gap of %d", c.Gap)
				}
				if c.Stream == task.Stdout {
					out.Write(c.Data)
				} else {
					errs.Write(c.Data)
				}
			}
			texts <- out.String() + errs.String()
		}()
	}
	for range followers {
		<-begun
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil { //nolint:gosec // nothing secret
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 20000 {
		fmt.Fprintln(&want, i+1)
	}
	want.WriteString("end\n")
	for range followers {
		select {
		case got := <-texts:
			if got != want.String() {
				t.Fatalf("a follower read %d bytes that end with %q, want %d", len(got), got[max(0, len(got)-200):], want.Len())
			}
		case <-time.After(patience):
			t.Fatal("a follower does not end")
		}
	}
}

// The story that the README tells: a host with work of all sorts is killed in the middle.
func TestNothingIsLostWhenTheHostIsKilled(t *testing.T) {
	t.Parallel()
	s := serve(t, "--concurrency", "8")
	pids := t.TempDir()
	begin := `echo $$ > ` + pids + `/$SOLTI_TASK.$SOLTI_ATTEMPT; echo "$SOLTI_TASK $SOLTI_ATTEMPT"; `
	s.submit(shell("done", `echo kept; exit 3`, ""))
	s.over("done")
	s.submit(shell("restarts", begin+`[ $SOLTI_ATTEMPT != 1 ] || sleep 600`, onFailure))
	s.submit(shell("once", begin+`sleep 600`, ""))
	s.submit(shell("queued", begin, `"slot": "restarts", "admission": "queue"`))
	s.submit(shell("periodic", `date`, `"restart": {"policy": "always", "interval": "1h"}`))
	s.submit(shell("retries", `exit 1`, `"restart": {"policy": "onFailure"}, "backoff": {"first": "1h", "max": "1h", "jitter": "none"}`))
	s.submit(shell("dropped", `true`, `"slot": "once"`))
	for _, name := range []task.Name{"restarts", "once"} {
		s.until(name, "running", func(t *task.Task) bool { return t.Status.Phase == task.Running })
		s.poll("the process of "+string(name)+" has begun", func() bool { return pid(pids, string(name)+".1") > 0 })
	}
	s.until("periodic", "waiting", func(t *task.Task) bool { return t.Status.Waiting == "interval" })
	s.until("retries", "waiting", func(t *task.Task) bool { return t.Status.Waiting == "backoff" })
	before := s.all()

	s.kill()
	s.start()
	for _, name := range []string{"restarts.1", "once.1"} {
		if p := pid(pids, name); runs(p) {
			t.Errorf("process %d of %s outlived its host", p, name)
		}
	}
	if got := s.over("restarts"); got.Status.Phase != task.Succeeded || got.Status.Attempt != 2 {
		t.Errorf("restarts: %+v", got.Status)
	}
	if got := s.over("once"); got.Status.Outcome.Kind != task.OutcomeLost || got.Status.Outcome.Reason != task.ReasonHostLost || got.Status.Attempt != 1 {
		t.Errorf("once: %+v", got.Status)
	}
	if got := s.over("queued"); got.Status.Phase != task.Succeeded || got.Status.Attempt != 1 {
		t.Errorf("queued: %+v", got.Status)
	}
	after := s.all()
	for name, old := range before {
		now := after[name]
		switch {
		case now == nil:
			t.Errorf("task %s is missing", name)
		case now.Metadata.UID != old.Metadata.UID || now.Status.Attempt < old.Status.Attempt:
			t.Errorf("task %s was %+v, is %+v", name, old, now)
		case old.Status.Done() && now.Metadata.ResourceVersion != old.Metadata.ResourceVersion:
			t.Errorf("task %s changed after its end: %+v", name, now)
		case (name == "periodic" || name == "retries") && !now.Status.NextAt.Equal(old.Status.NextAt):
			t.Errorf("task %s was due at %s, is at %s", name, old.Status.NextAt, now.Status.NextAt)
		}
	}
	s.checkRuns(after)
	if text := s.output("done"); text != "kept\n" {
		t.Errorf("output of the last time: %q", text)
	}
	if text := s.command(0, "logs", "restarts", "--attempt", "1"); text != "restarts 1\n" {
		t.Errorf("output of the attempt that was lost: %q", text)
	}
}

// pid reads the process id that an attempt has noted.
func pid(dir, name string) int {
	b, _ := os.ReadFile(filepath.Join(dir, name))
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// runs reports whether a process does. One that is dead may wait for its new parent to notice.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// all returns all tasks by name.
func (s *server) all() map[task.Name]*task.Task {
	s.t.Helper()
	list, err := s.client.List(s.t.Context(), task.Query{Limit: task.MaxPage})
	if err != nil {
		s.t.Fatal(err)
	}
	tasks := map[task.Name]*task.Task{}
	for _, it := range list.Items {
		tasks[it.Metadata.Name] = it
	}
	return tasks
}

// checkRuns holds the history of all tasks against what is promised: attempts from 1 without gaps,
// that do not overlap, and run ids that are used once.
func (s *server) checkRuns(tasks map[task.Name]*task.Task) {
	s.t.Helper()
	var ids []task.RunID
	for name, it := range tasks {
		list, err := s.client.Runs(s.t.Context(), name, task.RunQuery{})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(list.Items) != it.Status.Attempt {
			s.t.Errorf("task %s has %d runs and attempt %d", name, len(list.Items), it.Status.Attempt)
		}
		var end time.Time
		for i, r := range list.Items {
			if r.Attempt != i+1 || r.StartedAt.Before(end) {
				s.t.Errorf("task %s: run %d is attempt %d, begun %s after an end at %s", name, i+1, r.Attempt, r.StartedAt, end)
			}
			end = r.FinishedAt
			ids = append(ids, r.RunID)
		}
	}
	slices.Sort(ids)
	if unique := slices.Compact(slices.Clone(ids)); len(unique) != len(ids) {
		s.t.Errorf("a run id was used twice: %q", ids)
	}
}
