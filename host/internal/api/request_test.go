package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// client returns an HTTP client on the Unix socket.
func (b *bundle) client(t testing.TB) *http.Client {
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", b.socket)
		},
		MaxIdleConnsPerHost: 100,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

const goodTask = `{"apiVersion": "solti.io/v1", "kind": "Task", "metadata": {"name": "good"}, "spec": {"slot": "s",
  "workload": {"apiVersion": "solti.io/v1", "kind": "Subprocess", "spec": {"command": "true"}}}}`

type call struct {
	method, path, body string
	header             []string
}

// An answer is a response that has been read.
type answer struct {
	StatusCode      int
	Header, Trailer http.Header
}

// send makes one call on the socket and returns the answer with its body.
func (b *bundle) send(t *testing.T, c call) (answer, []byte) {
	t.Helper()
	var sent io.Reader
	if c.body != "" {
		sent = strings.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, "http://localhost"+c.path, sent)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(c.header); i += 2 {
		req.Header.Add(c.header[i], c.header[i+1])
	}
	resp, err := b.client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, resp.Trailer}, body
}

// anchors is a document in YAML that aliases make larger by 9 at each level.
func anchors(levels int) string {
	doc := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i <= levels; i++ {
		alias := fmt.Sprintf("*a%d", i-1)
		doc += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.Join(slices.Repeat([]string{alias}, 9), ","))
	}
	return doc
}

func TestBadRequestsNameTheFaultAndStoreNothing(t *testing.T) {
	b := setup(t)
	post := func(body string, header ...string) call { return call{http.MethodPost, pathTasks, body, header} }
	with := func(old, new string) call { return post(strings.Replace(goodTask, old, new, 1)) }
	tests := []struct {
		name   string
		call   call
		code   int
		reason task.Reason
		field  string // of the first cause
	}{
		{"empty body", post(""), 400, task.ReasonBadRequest, ""},
		{"no document", post("{"), 400, task.ReasonBadRequest, ""},
		{"two documents", post(goodTask + goodTask), 400, task.ReasonBadRequest, ""},
		{"unknown field", with(`"slot"`, `"slut": 1, "slot"`), 422, task.ReasonInvalid, "spec.slut"},
		{"wrong type", with(`"s"`, `7`), 422, task.ReasonInvalid, "spec.slot"},
		{"long slot", with(`"s"`, `"`+strings.Repeat("x", 65)+`"`), 422, task.ReasonInvalid, "spec.slot"},
		{"negative backoff", with(`"slot"`, `"backoff": {"first": "-1s"}, "slot"`), 422, task.ReasonInvalid, "spec.backoff.first"},
		{"duplicate key", with(`"slot"`, `"slot": "t", "slot"`), 422, task.ReasonInvalid, "spec.slot"},
		{"no time", with(`"slot"`, `"timeout": "soon", "slot"`), 422, task.ReasonInvalid, "spec.timeout"},
		{"deep nesting", with(`{"command": "true"}`, `{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+"}"), 422, task.ReasonInvalid, "spec.workload.spec.a" + strings.Repeat("[0]", 127)},
		{"5 MiB", post(goodTask[:len(goodTask)-1] + strings.Repeat(" ", 5<<20) + "}"), 413, task.ReasonTooLarge, ""},
		{"a form", post("a=b", "Content-Type", "application/x-www-form-urlencoded"), 415, task.ReasonMediaType, ""},
		{"plain text", post(goodTask, "Content-Type", "text/plain"), 415, task.ReasonMediaType, ""},
		{"compressed", post(goodTask, "Content-Encoding", "gzip"), 415, task.ReasonMediaType, ""},
		{"compressed twice", post(goodTask, "Content-Encoding", "identity", "Content-Encoding", "br"), 415, task.ReasonMediaType, ""},
		{"two types", post(goodTask, "Content-Type", "application/json", "Content-Type", "text/plain"), 415, task.ReasonMediaType, ""},
		{"another charset", post(goodTask, "Content-Type", "application/json; charset=utf-16"), 415, task.ReasonMediaType, ""},
		{"bad UTF-8", with(`"true"`, "\"\xff\""), 422, task.ReasonInvalid, "spec.workload.spec.command"},
		{"deep YAML", post(strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), "Content-Type", "application/yaml"), 422, task.ReasonInvalid, strings.Repeat("[0]", 145)},
		{"anchors", post(anchors(9)), 422, task.ReasonInvalid, "a4[0][0][8][0][5]"},
		{"words behind", post(goodTask + " x"), 400, task.ReasonBadRequest, ""},
		{"no slot", call{"GET", pathTasks + "?slot=a%20b", "", nil}, 400, task.ReasonBadRequest, "slot"},
		{"empty key", post(goodTask, "Idempotency-Key", ""), 400, task.ReasonBadRequest, "Idempotency-Key"},
		{"long key", post(goodTask, "Idempotency-Key", strings.Repeat("k", 256)), 400, task.ReasonBadRequest, "Idempotency-Key"},
		{"two keys", post(goodTask, "Idempotency-Key", "a", "Idempotency-Key", "b"), 400, task.ReasonBadRequest, "Idempotency-Key"},
		{"key in UTF-8", post(goodTask, "Idempotency-Key", "käse"), 400, task.ReasonBadRequest, "Idempotency-Key"},
		{"unknown parameter", call{"POST", pathTasks + "?dryrun=true", goodTask, nil}, 400, task.ReasonBadRequest, "dryrun"},
		{"repeated parameter", call{"POST", pathTasks + "?dryRun=true&dryRun=true", goodTask, nil}, 400, task.ReasonBadRequest, "dryRun"},
		{"no flag", call{"POST", pathTasks + "?dryRun=1", goodTask, nil}, 400, task.ReasonBadRequest, "dryRun"},
		{"broken query", call{"POST", pathTasks + "?dryRun=%zz", goodTask, nil}, 400, task.ReasonBadRequest, ""},
		{"other name", call{"PUT", pathTasks + "/other", goodTask, nil}, 400, task.ReasonBadRequest, "metadata.name"},
		{"no uid", call{"PUT", pathTasks + "/good?uid=x", goodTask, nil}, 400, task.ReasonBadRequest, "uid"},
		{"empty uid", call{"DELETE", pathTasks + "/good?uid=", "", nil}, 400, task.ReasonBadRequest, "uid"},
		{"unknown task", call{"GET", pathTasks + "/nope", "", nil}, 404, task.ReasonNotFound, ""},
		{"cancel unknown", call{"POST", pathTasks + "/nope/cancel", "", nil}, 404, task.ReasonNotFound, ""},
		{"delete unknown", call{"DELETE", pathTasks + "/nope", "", nil}, 404, task.ReasonNotFound, ""},
		{"runs of unknown", call{"GET", pathTasks + "/nope/runs", "", nil}, 404, task.ReasonNotFound, ""},
		{"output of unknown", call{"GET", pathTasks + "/nope/output", "", nil}, 404, task.ReasonNotFound, ""},
		{"unknown phase", call{"GET", pathTasks + "?phase=running&phase=done", "", nil}, 400, task.ReasonBadRequest, "phase"},
		{"bad selector", call{"GET", pathTasks + "?labelSelector=a%20in", "", nil}, 400, task.ReasonBadRequest, "labelSelector"},
		{"large page", call{"GET", pathTasks + "?limit=1001", "", nil}, 400, task.ReasonBadRequest, "limit"},
		{"negative page", call{"GET", pathTasks + "?limit=-1", "", nil}, 400, task.ReasonBadRequest, "limit"},
		{"unknown wait", call{"GET", pathTasks + "/good?waitFor=start", "", nil}, 400, task.ReasonBadRequest, "waitFor"},
		{"time without wait", call{"GET", pathTasks + "/good?timeout=1s", "", nil}, 400, task.ReasonBadRequest, "timeout"},
		{"long wait", call{"GET", pathTasks + "/good?waitFor=outcome&timeout=1h", "", nil}, 400, task.ReasonBadRequest, "timeout"},
		{"unknown stream", call{"GET", pathTasks + "/good/output?stream=out", "", nil}, 400, task.ReasonBadRequest, "stream"},
		{"one offset for two", call{"GET", pathTasks + "/good/output?offset=1", "", nil}, 400, task.ReasonBadRequest, "offset"},
		{"bad event id", call{"GET", pathTasks + "/good/output", "", []string{"Accept", mediaEvents, "Last-Event-ID", "7"}}, 400, task.ReasonBadRequest, "Last-Event-ID"},
		{"unknown plugin", call{"GET", Prefix + "/plugins/nope", "", nil}, 404, task.ReasonNotFound, ""},
		{"wrong method", call{"PATCH", pathTasks, "", nil}, 405, task.ReasonMethodNotAllowed, ""},
		{"wrong method on a task", call{"POST", pathTasks + "/good", "", nil}, 405, task.ReasonMethodNotAllowed, ""},
		{"unknown path", call{"GET", "/apis/solti.io/v2/tasks", "", nil}, 404, task.ReasonNotFound, ""},
		{"slash at the end", call{"GET", pathTasks + "/", "", nil}, 404, task.ReasonNotFound, ""},
		{"nothing to explain", call{"POST", Prefix + "/explain", "", nil}, 400, task.ReasonBadRequest, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := b.send(t, tt.call)
			var s task.APIStatus
			if err := json.Unmarshal(body, &s); err != nil {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
			}
			if resp.StatusCode != tt.code || s.Code != tt.code || s.Reason != tt.reason || s.Status != "Failure" || s.Message == "" {
				t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, tt.code, tt.reason)
			}
			if got := firstField(s); got != tt.field {
				t.Errorf("field %q, want %q: %s", got, tt.field, body)
			}
			if resp.StatusCode == 405 && resp.Header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
		})
	}
	if n := b.host.writes(); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

func firstField(s task.APIStatus) string {
	if s.Details == nil || len(s.Details.Causes) == 0 {
		return ""
	}
	return s.Details.Causes[0].Field
}

func TestChunkedBodyOverTheLimitIsRefused(t *testing.T) {
	b := setup(t)
	// A body of unknown length, so that only reading it shows how long it is.
	body := io.MultiReader(strings.NewReader(goodTask[:len(goodTask)-1]), io.LimitReader(spaces{}, 5<<20), strings.NewReader("}"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost"+pathTasks, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge || b.host.writes() != 0 {
		t.Errorf("got %d and %d writes, want 413 and none", resp.StatusCode, b.host.writes())
	}
}

type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	copy(b, bytes.Repeat([]byte(" "), len(b)))
	return len(b), nil
}

func TestTasksFromCreationToDeletion(t *testing.T) {
	b := setup(t)
	resp, body := b.send(t, call{"POST", pathTasks, goodTask, []string{"Content-Type", "application/json; charset=utf-8"}})
	if resp.StatusCode != 201 || resp.Header.Get("Location") != pathTasks+"/good" {
		t.Fatalf("create: %d, Location %q: %s", resp.StatusCode, resp.Header.Get("Location"), body)
	}
	var created task.Task
	if err := json.Unmarshal(body, &created); err != nil {
		t.Fatal(err)
	}
	uid := created.Metadata.UID
	yaml := "apiVersion: solti.io/v1\nkind: Task\nspec:\n  slot: t\n  workload: {apiVersion: solti.io/v1, kind: Subprocess, spec: {command: 'true'}}\n"
	for _, step := range []struct {
		name string
		call call
		code int
		want string // in the answer
	}{
		{"create again", call{"POST", pathTasks, goodTask, nil}, 409, "AlreadyExists"},
		{"dry run", call{"POST", pathTasks + "?dryRun=true", strings.Replace(goodTask, "good", "other", 1), nil}, 200, `"other"`},
		{"a dry run is not stored", call{"GET", pathTasks + "/other", "", nil}, 404, "NotFound"},
		{"apply YAML without a name", call{"PUT", pathTasks + "/good", yaml, []string{"Content-Type", "application/yaml"}}, 200, `"slot":"t"`},
		{"apply with another version", call{"PUT", pathTasks + "/good?resourceVersion=x", yaml, nil}, 409, "Conflict"},
		{"apply what is not there, guarded", call{"PUT", pathTasks + "/nope?uid=" + uid.String(), yaml, nil}, 404, "NotFound"},
		{"apply a new one", call{"PUT", pathTasks + "/new", yaml, nil}, 201, `"new"`},
		{"get", call{"GET", pathTasks + "/good", "", nil}, 200, uid.String()},
		{"get with uid", call{"GET", pathTasks + "/good?uid=" + uid.String(), "", nil}, 200, uid.String()},
		{"get with another uid", call{"GET", pathTasks + "/good?uid=" + task.NewUID(time.Now()).String(), "", nil}, 404, "another one"},
		{"list", call{"GET", pathTasks + "?slot=t&phase=pending&phase=running&limit=1", "", nil}, 200, `"continue":"good"`},
		{"list the rest", call{"GET", pathTasks + "?continue=good", "", nil}, 200, `"name":"new"`},
		{"list nothing", call{"GET", pathTasks + "?labelSelector=a%3Db", "", nil}, 200, `"items":[]`},
		{"runs", call{"GET", pathTasks + "/good/runs?uid=" + uid.String(), "", nil}, 200, `"uid":"` + uid.String()},
		{"cancel", call{"POST", pathTasks + "/good/cancel?uid=" + uid.String(), "", nil}, 202, "Success"},
		{"delete", call{"DELETE", pathTasks + "/good", "", nil}, 200, "Success"},
		{"plugins", call{"GET", Prefix + "/plugins", "", nil}, 200, `"kind":"PluginList"`},
		{"plugin", call{"GET", Prefix + "/plugins/subprocess", "", nil}, 200, `"state":"ready"`},
		{"explain", call{"POST", Prefix + "/explain", goodTask, nil}, 200, `"runner":"subprocess"`},
		{"version", call{"GET", Prefix + "/version", "", nil}, 200, "v1.2.3"},
		{"ready", call{"GET", "/readyz", "", nil}, 200, `"ready":true,"problems":[]}`},
		{"head", call{"HEAD", pathTasks + "/new", "", nil}, 200, ""},
		{"no metrics", call{"GET", "/metrics", "", nil}, 404, "no metrics"},
	} {
		resp, body := b.send(t, step.call)
		if resp.StatusCode != step.code || !strings.Contains(string(body), step.want) {
			t.Errorf("%s: %d %s, want %d and %s", step.name, resp.StatusCode, body, step.code, step.want)
		}
	}
}

func TestApplyTellsWhatItDid(t *testing.T) {
	b := setup(t)
	changed := strings.Replace(goodTask, `"s"`, `"t"`, 1)
	for i, want := range []struct {
		body    string
		applied task.Applied
	}{{goodTask, task.AppliedCreated}, {goodTask, task.AppliedUnchanged}, {changed, task.AppliedConfigured}} {
		resp, body := b.send(t, call{"PUT", pathTasks + "/good", want.body, nil})
		if got := resp.Header.Get(AppliedHeader); got != string(want.applied) {
			t.Errorf("apply %d: %q, want %q: %s", i, got, want.applied, body)
		}
	}
}

func TestDeletionOfARunningTaskIsAccepted(t *testing.T) {
	b := setup(t)
	b.send(t, call{"POST", pathTasks, goodTask, nil})
	b.host.mu.Lock()
	b.host.tasks["good"].Status.Phase = task.Running
	b.host.mu.Unlock()
	resp, body := b.send(t, call{"DELETE", pathTasks + "/good", "", nil})
	if resp.StatusCode != 202 || !strings.Contains(string(body), "deletionTimestamp") {
		t.Errorf("got %d %s, want 202 with a deletionTimestamp", resp.StatusCode, body)
	}
}

func TestIdempotencyKeyStandsForTheTaskNotItsSpelling(t *testing.T) {
	b := setup(t)
	key := []string{"Idempotency-Key", "k 1"}
	yaml := "apiVersion: solti.io/v1\nkind: Task\nmetadata: {name: good}\nspec:\n  slot: s\n" +
		"  workload: {apiVersion: solti.io/v1, kind: Subprocess, spec: {command: 'true'}}\n"
	var first []byte
	for i, c := range []struct {
		body string
		code int
	}{{goodTask, 201}, {goodTask, 201}, {yaml, 201}, {strings.Replace(goodTask, `"s"`, `"t"`, 1), 422}} {
		resp, body := b.send(t, call{"POST", pathTasks, c.body, key})
		if resp.StatusCode != c.code {
			t.Errorf("request %d: %d %s, want %d", i, resp.StatusCode, body, c.code)
		}
		if i == 0 {
			first = body
		} else if c.code == 201 && !bytes.Equal(first, body) {
			t.Errorf("request %d: %s, want the first answer %s", i, body, first)
		}
	}
	if n := b.host.writes(); n != 1 {
		t.Errorf("%d writes, want 1", n)
	}
}

func TestFailuresOfTheHostHaveTheirCodes(t *testing.T) {
	b := setup(t)
	tests := []struct {
		err    error
		code   int
		reason task.Reason
		retry  string
	}{
		{task.ErrQueueFull, 429, task.ReasonQueueFull, "1"},
		{fmt.Errorf("submit: %w", task.ErrNotReady), 503, task.ReasonNotReady, "1"},
		{task.ErrClosed, 503, task.ReasonShuttingDown, "5"},
		{task.ErrUnavailable, 503, task.ReasonUnavailable, "30"},
		{fmt.Errorf("%w: %w", task.ErrNoSpace, task.ErrUnavailable), 507, task.ReasonNoSpace, "30"},
		{fmt.Errorf("write: %w", syscall.ENOSPC), 507, task.ReasonNoSpace, "30"},
		{task.ErrKeyReused, 422, task.ReasonKeyReused, ""},
		{task.ErrExpired, 410, task.ReasonExpired, ""},
		{&task.Error{Reason: task.ReasonNoRunner, Message: "nobody", Err: task.ErrNoRunner}, 422, task.ReasonNoRunner, ""},
		{&task.Error{Reason: task.ReasonInvalidSpec, Violations: task.FieldErrors{{Path: "spec.workload.spec.args[1]", Message: "no"}}}, 422, task.ReasonInvalidSpec, ""},
		{&task.Error{Reason: task.ReasonUnsupportedKind, Message: "x"}, 422, task.ReasonUnsupportedKind, ""},
		{&task.Error{Reason: task.ReasonMissingField, Message: "x"}, 422, task.ReasonMissingField, ""},
		{&task.Error{Reason: task.ReasonIO, Message: "x"}, 500, task.ReasonIO, ""},
		{&task.Error{Reason: task.ReasonInternal, Message: "x"}, 500, task.ReasonInternal, ""},
		{task.FieldError{Path: "spec.slot", Message: "x"}, 422, task.ReasonInvalid, ""},
		{context.DeadlineExceeded, 504, task.ReasonDeadline, "1"},
		{errors.New("secret of the host"), 500, task.ReasonInternal, ""},
	}
	for _, tt := range tests {
		b.host.refuse(tt.err)
		resp, body := b.send(t, call{"POST", pathTasks, goodTask, nil})
		var s task.APIStatus
		if err := json.Unmarshal(body, &s); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != tt.code || s.Reason != tt.reason || resp.Header.Get("Retry-After") != tt.retry {
			t.Errorf("%v: %d, Retry-After %q, %s; want %d, %q", tt.err, resp.StatusCode, resp.Header.Get("Retry-After"), body, tt.code, tt.retry)
		}
		if strings.Contains(string(body), "secret") {
			t.Errorf("the answer tells %s", body)
		}
	}
}

func TestPagesStayWithinTheirBytes(t *testing.T) {
	b := setup(t)
	big := strings.Replace(goodTask, `"true"`, `"`+strings.Repeat("x", 1<<20)+`"`, 1)
	for i := range 10 {
		if resp, body := b.send(t, call{"POST", pathTasks, strings.Replace(big, "good", fmt.Sprintf("t%d", i), 1), nil}); resp.StatusCode != 201 {
			t.Fatalf("%s", body)
		}
	}
	seen, token := 0, ""
	for {
		_, body := b.send(t, call{"GET", pathTasks + "?continue=" + token, "", nil})
		var l task.List
		if err := json.Unmarshal(body, &l); err != nil {
			t.Fatal(err)
		}
		if len(body) > MaxBody || len(l.Items) == 0 {
			t.Fatalf("a page of %d bytes and %d items", len(body), len(l.Items))
		}
		seen, token = seen+len(l.Items), l.Metadata.Continue
		if token == "" {
			break
		}
	}
	if seen != 10 {
		t.Errorf("saw %d tasks, want 10", seen)
	}
}

func TestLongPollAnswersAtTheOutcomeTheTimeoutAndShutdown(t *testing.T) {
	b := setup(t)
	b.send(t, call{"POST", pathTasks, goodTask, nil})
	path := pathTasks + "/good?waitFor=outcome"
	if _, body := b.send(t, call{"GET", path + "&timeout=10ms", "", nil}); strings.Contains(string(body), "outcome") {
		t.Errorf("at the timeout: %s", body)
	}
	answers := make(chan []byte, 2)
	poll := func() {
		_, body := b.send(t, call{"GET", path + "&timeout=1m", "", nil})
		answers <- body
	}
	go poll()
	b.waitInFlight(t, 1)
	b.host.finish("good")
	if body := <-answers; !strings.Contains(string(body), `"outcome"`) {
		t.Errorf("at the outcome: %s", body)
	}
	b.send(t, call{"POST", pathTasks, strings.Replace(goodTask, "good", "other", 1), nil})
	path = pathTasks + "/other?waitFor=outcome"
	go poll()
	b.waitInFlight(t, 1)
	b.shutdown(t)
	if body := <-answers; !strings.Contains(string(body), `"other"`) {
		t.Errorf("at shutdown: %s", body)
	}
}

// waitInFlight returns when n requests are being answered.
func (b *bundle) waitInFlight(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		b.observer.mu.Lock()
		got := b.observer.inFlight
		b.observer.mu.Unlock()
		if got == n {
			return
		}
	}
	t.Fatalf("never %d requests in flight", n)
}

func TestNotReadyNamesWhatIsMissing(t *testing.T) {
	b := setup(t)
	b.host.problems = []string{"plugin wasm: it crashed"}
	resp, body := b.send(t, call{"GET", "/readyz", "", nil})
	if resp.StatusCode != 503 || !strings.Contains(string(body), "plugin wasm") || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d %s, want 503 with the plugin", resp.StatusCode, body)
	}
}

func TestObserverSeesTemplatesOnly(t *testing.T) {
	b := setup(t)
	b.send(t, call{"GET", pathTasks + "/some-name", "", nil})
	b.send(t, call{"BREW", "/secret/path", "", nil})
	b.waitInFlight(t, 0)
	b.observer.mu.Lock()
	defer b.observer.mu.Unlock()
	want := []Request{
		{Transport: "http", Method: "GET", Path: pathTask, Status: "404"},
		{Transport: "http", Method: "other", Path: "other", Status: "404"},
	}
	for i, got := range b.observer.seen {
		if got.Duration <= 0 {
			t.Errorf("request %d took %v", i, got.Duration)
		}
		if got.Duration = 0; got != want[i] {
			t.Errorf("got %+v, want %+v", got, want[i])
		}
	}
}

func TestPanicsAreAnsweredAndHarmNobody(t *testing.T) {
	b := setup(t, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	})
	if resp, body := b.send(t, call{"GET", "/metrics", "", nil}); resp.StatusCode != 500 || strings.Contains(string(body), "boom") {
		t.Errorf("got %d %s, want 500 without the panic's text", resp.StatusCode, body)
	}
	if resp, _ := b.send(t, call{"GET", "/livez", "", nil}); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	b := setup(t, func(o *Options) { o.MaxConnections = 3 })
	for range 3 {
		conn, err := net.Dial("unix", b.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	conn, err := net.Dial("unix", b.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("the fourth connection: %v, want it closed", err)
	}
	// The other listener has a limit of its own.
	if resp, _ := b.do(t, http.MethodGet, "/livez", "", nil); resp.StatusCode != 200 {
		t.Errorf("over TCP: %d", resp.StatusCode)
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	b := setup(t)
	resp, _ := b.send(t, call{"GET", Prefix + "/version", "", []string{"X-Long", strings.Repeat("x", 22<<10)}})
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", resp.StatusCode)
	}
}
