package runner

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// memory returns what this process has of it, in bytes.
func memory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// What would explode in the compiler does not get there, and what does is killed there.
func TestExplosivesAreRefused(t *testing.T) {
	s := newSubject(t, object{"workers": object{"warm": 0}})
	bystander := s.build(t, inline(moduletest.Cat(), object{"stdin": "here", "isolation": "reuse"}))
	bystander.run(t).succeeded(t, "here")
	before := memory(t)
	for _, e := range moduletest.Explosives() {
		r := s.build(t, inline(e.Wasm)).start(t, nil)
		bystander.run(t).succeeded(t, "here")
		r.finish(t).want(t, startFailed, true, "because compiling takes")
	}
	if grown := memory(t) - before; grown > 128<<20 && !proctest.Raced {
		t.Errorf("this process has %d MiB more than before", grown>>20)
	}
}

// Whatever a bomb takes, the plugin's own process does not.
func TestBombsAreContained(t *testing.T) {
	if proctest.Raced {
		t.Skip("limits of memory do not hold with the race detector")
	}
	dir := tree(t, nil)
	s := newSubject(t, object{"mounts": []object{{"path": dir}}, "workers": object{"warm": 1}})
	small := object{"limits": object{"memory": "64MiB"}}
	bystander := s.build(t, inline(moduletest.Cat(), object{"stdin": "here"}))
	bystander.run(t).succeeded(t, "here")
	before := memory(t)
	for _, bomb := range []struct {
		name string
		spec object
		want func(t *testing.T, r *record)
	}{
		{"table", inline(moduletest.TableBomb(), small), func(t *testing.T, r *record) { r.want(t, oomKilled, true) }},
		{"memory", inline(moduletest.MemoryBomb(), small), func(t *testing.T, r *record) { r.want(t, succeeded, false) }},
		{"recursion", inline(moduletest.Recursion()), func(t *testing.T, r *record) { r.want(t, failed, true, "trap stack_overflow") }},
		{"opens", inline(moduletest.Opens(), mounts(object{"host": dir, "guest": "/d"})), func(t *testing.T, r *record) {
			r.want(t, failed, false, "exit status 33") // EMFILE
		}},
		{"output", inline(moduletest.OutputFlood(), output("64MiB", "", "kill")), func(t *testing.T, r *record) { r.want(t, failed, false, "output limit") }},
		{"compile", inline(slowToCompile()), func(t *testing.T, r *record) { r.want(t, canceled, false) }},
	} {
		t.Run(bomb.name, func(t *testing.T) {
			r := s.build(t, bomb.spec).start(t, nil)
			bystander.run(t).succeeded(t, "here")
			s.run(t, inline(moduletest.Hello("cold, beside "+bomb.name))).succeeded(t, "cold, beside "+bomb.name)
			if bomb.name == "compile" {
				r.still(t, "a bystander")
				r.stop(t, pluginv1.StopReason_STOP_REASON_CANCEL)
			}
			r.finish(t)
			bomb.want(t, r)
			r.stdout.Reset()
			if grown := memory(t) - before; grown > 256<<20 && bomb.name != "output" {
				t.Errorf("this process has %d MiB more than before", grown>>20)
			}
		})
	}
}
