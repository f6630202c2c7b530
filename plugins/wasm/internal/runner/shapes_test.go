package runner

import (
	"bytes"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
	pluginv1 "github.com/soltihq/solti-host/shared/proto/solti/plugin/v1"
)

// longestGap is how long a task may not hear of others being stopped. On an idle machine it is milliseconds; were
// the plugin held up by a guest, it would be as long as the guest.
const longestGap = 10 * time.Second

// A pulse is what a guest writes every few milliseconds.
type pulse struct {
	*record
	mu      sync.Mutex
	last    time.Time     // guarded by mu
	longest time.Duration // guarded by mu; between two frames of output
	beats   int           // guarded by mu
}

// Send looks at the clock when there is output.
func (p *pulse) Send(m *pluginv1.RunTaskResponse) error {
	for _, f := range m.Frames {
		if body, ok := f.Body.(*pluginv1.Frame_Output); ok {
			p.beat(bytes.Count(body.Output.Data, []byte(moduletest.Ready)))
		}
	}
	return p.record.Send(m)
}

func (p *pulse) beat(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !p.last.IsZero() {
		p.longest = max(p.longest, now.Sub(p.last))
	}
	p.last = now
	p.beats += n
}

func (p *pulse) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beats
}

// pulses starts attempts that write all the time.
func (s *subject) pulses(t *testing.T, n int) []*pulse {
	t.Helper()
	all := make([]*pulse, n)
	for i := range all {
		h := s.build(t, inline(moduletest.Ticks(5*time.Millisecond)))
		all[i] = &pulse{record: &record{ctx: t.Context(), id: s.id("run"), subject: s, done: make(chan struct{})}}
		go func() {
			defer close(all[i].done)
			all[i].err = s.service.RunTask(&pluginv1.RunTaskRequest{RunId: all[i].id, HandleId: h.id, Attempt: 1}, all[i])
		}()
	}
	return all
}

// beatOn waits until every one of them has written more than it has by now.
func beatOn(t *testing.T, all []*pulse) {
	t.Helper()
	for i, p := range all {
		before := p.count()
		proctest.Until(t, "a sign of life of task "+strconv.Itoa(i), func() bool { return p.count() > before })
	}
}

// Everything that goes on until it is killed is killed, while 20 other tasks go on: half of them write all
// the time, without a gap, and half are begun meanwhile.
func TestShapesAreCanceledWhileOthersAnswer(t *testing.T) {
	s := newSubject(t, object{
		"listeners": object{"web": "127.0.0.1:0"}, "features": []string{"tailCall"}, "limits": object{"memory": "3GiB"},
		"workers": object{"warm": 0},
	})
	writing := s.pulses(t, 10)
	answering := make([]handle, 10)
	for i := range answering {
		answering[i] = s.build(t, inline(moduletest.Cat(), object{"stdin": strconv.Itoa(i), "isolation": "reuse"}))
	}
	for _, shape := range moduletest.Shapes() {
		if shape.Name == "blocked-read" {
			continue // its stdin would have to stay open, which a task's does not
		}
		t.Run(shape.Name, func(t *testing.T) {
			r := s.build(t, inline(shape.Wasm, needs(shape.Name))).start(t, nil)
			r.until(t, moduletest.Ready)
			pid := r.pid(t)
			beatOn(t, writing)
			answers := make([]*record, len(answering))
			for i, h := range answering {
				answers[i] = h.start(t, nil)
			}
			for i, a := range answers[:5] {
				a.finish(t).succeeded(t, strconv.Itoa(i))
			}
			r.cancel(t)
			if proctest.Alive(pid) {
				t.Errorf("worker %d is alive although its attempt has ended", pid)
			}
			for i, a := range answers[5:] {
				a.finish(t).succeeded(t, strconv.Itoa(5+i))
			}
			beatOn(t, writing)
		})
	}
	for i, p := range writing {
		p.cancel(t)
		if p.longest > longestGap {
			t.Errorf("task %d was not heard of for %v", i, p.longest)
		}
	}
}

// needs is what a shape has to be granted.
func needs(shape string) object {
	return map[string]object{
		"blocked-accept": {"listeners": []string{"web"}},
		"tail-call-loop": {"features": []string{"tailCall"}},
		"huge-fill":      {"limits": object{"memory": "3GiB"}},
	}[shape]
}
