package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/sdk"
)

// values are all series by name and labels, without the runner's prefix; of histograms the number and the sum.
type values map[string]float64

func (s *subject) values(t testing.TB) values {
	t.Helper()
	families, err := s.runner.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := values{}
	for _, f := range families {
		name, ok := strings.CutPrefix(f.GetName(), sdk.MetricPrefix(Name))
		if !ok {
			t.Errorf("family %s does not begin with the prefix of the runner", f.GetName())
		}
		for _, m := range f.Metric {
			all.add(name, m)
		}
	}
	return all
}

func (v values) add(name string, m *dto.Metric) {
	var labels string
	for _, l := range m.Label {
		labels += " " + l.GetName() + "=" + l.GetValue()
	}
	switch {
	case m.Histogram != nil:
		v[name+"_count"+labels] = float64(m.Histogram.GetSampleCount())
		v[name+"_sum"+labels] = m.Histogram.GetSampleSum()
	case m.Gauge != nil:
		v[name+labels] = m.Gauge.GetValue()
	default:
		v[name+labels] = m.Counter.GetValue()
	}
}

// moved checks that series have grown since before, by so much exactly, or somehow where that is 0.
func (s *subject) moved(t testing.TB, before values, by values) {
	t.Helper()
	after := s.values(t)
	for name, want := range by {
		old, there := before[name]
		if !there && !strings.HasPrefix(name, "info") {
			t.Errorf("%s is not there from the start", name)
		}
		if got := after[name] - old; want == 0 && got <= 0 || want > 0 && got != want {
			t.Errorf("%s grew by %v, want %v (0 means somehow)", name, got, want)
		}
	}
}

// step runs a task and checks what counts it.
func (s *subject) step(t *testing.T, name string, spec object, by values) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		before := s.values(t)
		s.run(t, spec)
		s.moved(t, before, by)
	})
}

func TestAttemptsAreCountedByTheirEnd(t *testing.T) {
	s := newSubject(t, nil)
	outcome := func(o string) values { return values{"attempts_total outcome=" + o: 1} }
	s.step(t, "succeeded", inline(moduletest.Hello("x")), outcome("succeeded"))
	s.step(t, "failed", inline(moduletest.Exit(7, "", "")), outcome("failed"))
	s.step(t, "outputLimit", inline(moduletest.OutputFlood(), output("96KiB", "", "kill")), outcome("outputLimit"))
	s.step(t, "cpuLimit", inline(moduletest.Loop(), object{"limits": object{"cpu": "50ms"}}), outcome("cpuLimit"))
	s.step(t, "refused", inline([]byte("no module")), outcome("refused"))
	s.step(t, "startFailed", object{"module": object{"digest": "sha256:" + strings.Repeat("0", 64)}}, outcome("startFailed"))
	for _, kind := range moduletest.Traps() {
		told := kind
		if kind == "null_element" {
			told = "table_oob" // the engine does not tell them apart
		}
		s.step(t, kind, inline(moduletest.Trap(kind)), values{"attempts_total outcome=trapped": 1, "traps_total kind=" + told: 1})
	}
	t.Run("stopped", func(t *testing.T) {
		before := s.values(t)
		r := s.build(t, inline(moduletest.Loop())).start(t, nil)
		r.until(t, moduletest.Ready)
		r.cancel(t)
		by := outcome("stopped")
		by["worker_kill_seconds_count"], by["worker_kill_seconds_sum"] = 1, 0
		s.moved(t, before, by)
	})
}

// Two ends that no small module brings about.
func TestEndsOfWorkersAreCounted(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 0}})
	before, kills := s.values(t), kernelKills(t)
	r := s.build(t, inline(moduletest.Loop())).start(t, nil)
	r.until(t, moduletest.Ready)
	process, err := os.FindProcess(r.pid(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.finish(t)
	if kernelKills(t) == kills { // else nobody can tell who it was
		s.moved(t, before, values{"attempts_total outcome=crashed": 1})
	}
	if proctest.Raced {
		return // limits of memory do not hold with the race detector
	}
	s.step(t, "outOfMemory", inline(moduletest.TableBomb()), values{"attempts_total outcome=outOfMemory": 1})
}

func TestPhasesPoolAndWorkersAreCounted(t *testing.T) {
	s := newSubject(t, object{"workers": object{"atOnce": 1, "warm": 1}})
	h := s.build(t, inline(moduletest.Hello("x")))
	before := s.values(t)
	h.run(t).succeeded(t, "x")
	by := values{
		"pool_takes_total result=miss": 1, "worker_starts_total engine=compiler": 0, "worker_spawn_seconds_count": 0, "worker_spawn_seconds_sum": 0,
		"worker_reap_seconds_count": 1, "worker_reap_seconds_sum": 0,
		"compile_seconds_count result=checked": 1, "compile_seconds_sum result=checked": 0,
		"compile_seconds_count result=compiled": 1, "compile_seconds_sum result=compiled": 0, "compile_cpu_seconds_total": 0,
		"compile_code_bytes_count": 1, "compile_code_bytes_sum": 0, "compile_peak_rss_bytes_count": 2, "compile_peak_rss_bytes_sum": 0,
		"guest_cpu_seconds_total": 0, "guest_peak_pages_count": 1, "guest_peak_pages_sum": 1, "guest_output_bytes_total stream=stdout": 1,
		"cache_lookups_total result=miss": 1, "cache_disk_bytes": 0, "cache_memory_bytes": 0, "info engine=compiler wazero=dev": 1,
	}
	for _, phase := range []string{"prepare", "queue", "take", "instantiate", "run", "teardown"} {
		by["phase_seconds_count phase="+phase], by["phase_seconds_sum phase="+phase] = 1, 0
	}
	by["phase_seconds_count phase=load"], by["phase_seconds_sum phase=load"] = 0, 0
	s.moved(t, before, by)

	s.warm(t, 1)
	s.moved(t, before, values{"pool_idle_workers": 1, "pool_idle_bytes": 0, "workers": 1, "workers_pss_bytes": 0})
	before = s.values(t)
	h.run(t).succeeded(t, "x")
	s.moved(t, before, values{"cache_lookups_total result=memory": 1, "pool_takes_total result=hit": 1, "pool_age_seconds_count": 1, "pool_age_seconds_sum": 0})

	s.step(t, "interpreter", inline(moduletest.Hello("y"), object{"start": "fast"}), values{
		"worker_starts_total engine=interpreter": 1, "cache_lookups_total result=interpreted": 1, "compile_seconds_count result=checked": 0, "compile_seconds_sum result=checked": 0,
	})
	s.step(t, "refused", inline([]byte("\x00asm\x01\x00\x00\x00")), values{"compile_seconds_count result=failed": 0, "compile_seconds_sum result=failed": 0})
}

func TestWhatGuestsUseIsCounted(t *testing.T) {
	dir := tree(t, map[string]string{"ro/text": "read me", "rw/text": ""})
	s := newSubject(t, object{"mounts": []object{{"path": dir, "mode": "rw"}}})
	ro := mounts(object{"host": filepath.Join(dir, "ro"), "guest": "/in"})
	full := mounts(object{"host": filepath.Join(dir, "rw"), "guest": "/out", "mode": "rw", "quota": "100"})
	text := strings.Repeat(strings.Repeat("y", 63)+"\n", 1600) // 100 KiB

	s.step(t, "opens", inline(cat("text"), ro), values{"guest_opens_total": 1})
	s.step(t, "denied", inline(cat("../rw/text"), ro), values{"guest_denied_total": 1})
	s.step(t, "quota", inline(create("new"), full), values{"guest_quota_hits_total": 1})
	s.step(t, "growth", inline(grow(3)), values{"guest_page_growths_total": 3, "guest_peak_pages_sum": 4})
	s.step(t, "stderr", inline(moduletest.Exit(0, "", "abc")), values{"guest_output_bytes_total stream=stderr": 3})
	s.step(t, "dropped", inline(say(text), output("64KiB", "", "drop")), values{
		"guest_output_bytes_total stream=stdout": 64 << 10, "guest_output_dropped_bytes_total stream=stdout": float64(len(text) - 64<<10),
	})
	s.step(t, "throttled", inline(say(text), output("1MiB", "80KiB", "block")), values{"guest_output_throttled_seconds_total": 0})
}

// What the cache tells is seen, also what is wrong with it.
func TestTheCacheIsCounted(t *testing.T) {
	state := t.TempDir()
	small := object{"cache": "48KiB"}
	first := newSubjectIn(t, state, small)
	for i := range 12 {
		first.run(t, inline(moduletest.Hello(fmt.Sprint("text ", i))))
	}
	first.moved(t, values{"cache_evicted_bytes_total": 0}, values{"cache_evicted_bytes_total": 0})
	first.close(t)

	second := newSubjectIn(t, state, nil)
	last := inline(moduletest.Hello("the last"))
	second.run(t, last)
	second.close(t)
	third := newSubjectIn(t, state, nil)
	third.step(t, "hit", last, values{"cache_lookups_total result=disk": 1})
	third.close(t)

	files := list(t, filepath.Join(state, "wasm/cache"))
	for _, f := range files {
		if !f.Type().IsRegular() {
			continue
		}
		path := filepath.Join(state, "wasm/cache", f.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)-1] ^= 1
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fourth := newSubjectIn(t, state, nil)
	fourth.step(t, "corrupt", last, values{"cache_corrupt_total": 0, "cache_quarantined_total": 0})
	fourth.close(t)

	fifth := newSubjectIn(t, t.TempDir(), object{"cache": "1KiB"})
	fifth.step(t, "too large", inline(moduletest.CompileBomb(50)), values{"cache_write_errors_total": 0})
}

// Before the first attempt all series of closed sets are there with 0, and nothing else.
func TestSeriesAreThereFromTheStart(t *testing.T) {
	s := newSubject(t, nil)
	before := s.values(t)
	var wrong []string
	for name, v := range before {
		if v != 0 {
			wrong = append(wrong, name)
		}
	}
	if slices.Sort(wrong); len(wrong) > 0 {
		t.Errorf("not 0 at the start: %q", wrong)
	}
	s.run(t, inline(moduletest.Hello("x")))
	s.runner.metrics.Attempt("trapped", wire.TrapKind("made up by a worker"))
	s.moved(t, before, values{"traps_total kind=other": 1})
	if n := len(s.values(t)); n != len(before)+1 { // the engine is known now
		t.Errorf("%d series after an attempt, %d before it", n, len(before))
	}
}
