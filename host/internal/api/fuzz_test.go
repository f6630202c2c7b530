package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// FuzzRequest sends one request to the handlers. Whatever it holds, the answer is one of those that
// docs/api.md lists, in the form it says, and no handler panics.
func FuzzRequest(f *testing.F) {
	uid := task.NewUID(time.Now()).String()
	for _, s := range []struct{ method, path, query, id, media, body string }{
		{"POST", "/apis/solti.io/v1/tasks", "dryRun=true", "", "application/json", goodTask},
		{"POST", "/apis/solti.io/v1/tasks", "", "", "application/yaml; charset=utf-8", yamlTask},
		{"PUT", "/apis/solti.io/v1/tasks/good", "uid=" + uid + "&resourceVersion=e.1", "", "", yamlTask},
		{"GET", "/apis/solti.io/v1/tasks", "slot=s&phase=running&phase=failed&labelSelector=a+in+(b,c),!d&limit=3&continue=good&system=true", "", "", ""},
		{"GET", "/apis/solti.io/v1/tasks/good", "waitFor=outcome&timeout=1ms", "", "", ""},
		{"GET", "/apis/solti.io/v1/tasks/good/runs", "limit=1&continue=*", "", "", ""},
		{"GET", "/apis/solti.io/v1/tasks/good/output", "follow=true&stream=stdout&offset=2", "", "", ""},
		{"GET", "/apis/solti.io/v1/tasks/good/output", "attempt=1&offset=2.1", uid + "/1/3.0", "text/event-stream", ""},
		{"GET", "/apis/solti.io/v1/tasks/good/output", "", "/1/18446744073709551615.-1", "text/event-stream", ""},
		{"HEAD", "/apis/solti.io/v1/tasks/good/output", "follow=true", "/2147483647/0.0", "text/event-stream", ""},
		{"POST", "/apis/solti.io/v1/tasks/good/cancel", "uid=", "", "", ""},
		{"DELETE", "/apis/solti.io/v1/tasks/%00%2f..", "", "", "", ""},
		{"POST", "/apis/solti.io/v1/explain", "", "", "text/yaml", anchors(3)},
		{"PATCH", "/readyz", "a=%zz;b", "", "", ""},
	} {
		f.Add(s.method, s.path, s.query, s.id, s.media, s.body)
	}
	f.Fuzz(func(t *testing.T, method, path, query, id, media, body string) {
		host := newFakeHost()
		good, err := task.Decode([]byte(goodTask))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := host.Create(t.Context(), good, CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		host.outputs["good"].add(stdout("0123456789"))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, method, "http://localhost/", strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		if req.URL.Path, err = url.PathUnescape(path); err != nil {
			t.Skip()
		}
		req.URL.RawPath, req.URL.RawQuery = path, query
		req.Header = http.Header{"Accept": {media}, "Content-Type": {media}, "Last-Event-Id": {id}, "Idempotency-Key": {"k"}}
		w := httptest.NewRecorder()
		s := New(Backend{Tasks: host, Plugins: host, Health: host}, Options{})
		func() {
			defer func() {
				if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
					panic(p)
				}
			}()
			s.guarded(socketGuard{}).ServeHTTP(w, req)
		}()
		checkAnswer(t, w)
	})
}

// checkAnswer wants an answer as docs/api.md describes it.
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 && w.Code != http.StatusGatewayTimeout {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w.Code == http.StatusMethodNotAllowed && w.Header().Get("Allow") == "" {
		t.Error("405 without Allow")
	}
	if w.Header().Get("Content-Type") != "application/json" {
		if w.Code >= 400 {
			t.Errorf("%d %s in %s", w.Code, w.Body, w.Header().Get("Content-Type"))
		}
		return
	}
	var doc struct {
		APIVersion, Kind, Message string
		Reason                    task.Reason
		Code                      int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	if doc.APIVersion != task.APIVersion || doc.Kind == "" || w.Code >= 400 && (doc.Code != w.Code || doc.Message == "" || doc.Reason == "") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
