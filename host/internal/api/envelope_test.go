package api

import (
	"encoding/json"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

// Every answer in JSON, whatever the route, says what it is.
func TestEveryDocumentSaysWhatItIs(t *testing.T) {
	b := setup(t)
	calls := []struct {
		route string
		call  call
		kind  string
	}{
		{"POST " + pathTasks, call{"POST", pathTasks, goodTask, nil}, task.KindTask},
		{"GET " + pathTasks, call{"GET", pathTasks, "", nil}, task.KindTaskList},
		{"PUT " + pathTask, call{"PUT", pathTasks + "/good", goodTask, nil}, task.KindTask},
		{"GET " + pathTask, call{"GET", pathTasks + "/good", "", nil}, task.KindTask},
		{"GET " + pathRuns, call{"GET", pathTasks + "/good/runs", "", nil}, task.KindRunList},
		{"POST " + pathCancel, call{"POST", pathTasks + "/good/cancel", "", nil}, task.KindStatus},
		{"DELETE " + pathTask, call{"DELETE", pathTasks + "/good", "", nil}, task.KindStatus},
		{"GET " + Prefix + "/plugins", call{"GET", Prefix + "/plugins", "", nil}, task.KindPluginList},
		{"GET " + Prefix + "/plugins/{name}", call{"GET", Prefix + "/plugins/subprocess", "", nil}, task.KindPlugin},
		{"POST " + Prefix + "/explain", call{"POST", Prefix + "/explain", goodTask, nil}, task.KindExplanation},
		{"GET " + Prefix + "/version", call{"GET", Prefix + "/version", "", nil}, task.KindVersion},
		{"GET /readyz", call{"GET", "/readyz", "", nil}, task.KindReadiness},
		{"", call{"GET", "/nowhere", "", nil}, task.KindStatus},
	}
	seen := map[string]bool{"GET " + pathOutput: true, "GET /livez": true, "GET /metrics": true} // no documents
	for _, c := range calls {
		seen[c.route] = true
		_, body := b.send(t, c.call)
		var got struct {
			APIVersion, Kind string
			Items            []struct{ APIVersion, Kind string }
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		if got.APIVersion != task.APIVersion || got.Kind != c.kind {
			t.Errorf("%s: %s, want kind %s", c.route, body, c.kind)
		}
		for _, item := range got.Items {
			if c.kind != task.KindRunList && (item.APIVersion != task.APIVersion || item.Kind+"List" != c.kind) {
				t.Errorf("%s: an item does not say what it is: %s", c.route, body)
			}
		}
	}
	for _, r := range Routes() {
		if !seen[r.Method+" "+r.Path] {
			t.Errorf("%s %s is not looked at", r.Method, r.Path)
		}
	}
}
