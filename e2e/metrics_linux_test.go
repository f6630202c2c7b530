package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

// unreachable is a module whose _start traps.
const unreachable = "\x00asm\x01\x00\x00\x00" + // (module
	"\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x05\x03\x01\x00\x01" + // (func) (memory 1)
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00" + // (export "memory") (export "_start")
	"\x0a\x05\x01\x03\x00\x00\x0b" // unreachable)

// wasm is a task that runs a module once.
func wasm(name, inline string) string {
	return fmt.Sprintf(`{"apiVersion": "solti.io/v1", "kind": "Task", "metadata": {"name": %q}, "spec": {"slot": %q, "workload":
		{"apiVersion": "solti.io/v1", "kind": "Wasm", "spec": {"module": {"inline": %q}}}}}`, name, name, inline)
}

// scrape returns what the host shows, which must be fit to be read.
func (s *server) scrape() string {
	s.t.Helper()
	a := s.do(http.MethodGet, "/metrics", nil)
	if a.code != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		s.t.Fatalf("scrape: %d %s %.500s", a.code, a.header.Get("Content-Type"), a.body)
	}
	return string(a.body)
}

// What a plugin counts is on the host's page, among the host's own, and follows what it does.
func TestMetricsOfARunnerAreOnThePageOfTheHost(t *testing.T) {
	t.Parallel()
	s := serve(t, "--plugin-dir", runners)
	spec, err := os.ReadFile(specs + "/hello-wasm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inline := regexp.MustCompile(`inline: "([^"]+)"`).FindSubmatch(spec)
	if inline == nil {
		t.Fatal("the example has no module")
	}
	want := func(text string, series ...string) {
		t.Helper()
		for _, line := range series {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("the page lacks %s", line)
			}
		}
	}
	want(s.scrape(),
		`solti_runner_wasm_attempts_total{outcome="succeeded",plugin="wasm"} 0`,
		`solti_runner_wasm_traps_total{kind="unreachable",plugin="wasm"} 0`,
	)
	s.submit(wasm("hello", string(inline[1])))
	s.submit(wasm("trap", base64.StdEncoding.EncodeToString([]byte(unreachable))))
	if got := s.over("hello"); got.Status.Phase != task.Succeeded {
		t.Errorf("hello ended as %s: %v", got.Status.Phase, got.Status.Error)
	}
	if got := s.over("trap"); got.Status.Phase != task.Failed {
		t.Errorf("trap ended as %s", got.Status.Phase)
	}
	text := s.scrape()
	want(text,
		`solti_runner_wasm_attempts_total{outcome="succeeded",plugin="wasm"} 1`,
		`solti_runner_wasm_attempts_total{outcome="trapped",plugin="wasm"} 1`,
		`solti_runner_wasm_traps_total{kind="unreachable",plugin="wasm"} 1`,
		`solti_runner_wasm_guest_output_bytes_total{plugin="wasm",stream="stdout"} 23`,
		`solti_runner_wasm_phase_seconds_count{phase="run",plugin="wasm"} 2`,
		`solti_runner_tasks_completed_total{outcome="succeeded",runner="wasm"} 1`,
	)
	if !regexp.MustCompile(`\nsolti_runner_wasm_info\{engine="[a-z]+",plugin="wasm",wazero="v[0-9.]+"\} 1\n`).MatchString(text) {
		t.Error("the page lacks the engine and its version")
	}
	for _, line := range regexp.MustCompile(`(?m)^solti_plugin_metrics_dropped_series_total.*$`).FindAllString(text, -1) {
		if !strings.HasSuffix(line, " 0") {
			t.Errorf("the runner breaks a rule: %s", line)
		}
	}
	if !strings.Contains(text, `solti_plugin_metrics_pulls_total{plugin="wasm",result="ok"}`) {
		t.Error("pulls are not counted")
	}
}
