package pool

import (
	"sync"
	"testing"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
)

// A log is an Observer that counts.
type log struct {
	mu                                   sync.Mutex
	taken, spawned, loaded, killed, ends int // guarded by mu
}

func (l *log) count(n *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*n++
}

func (l *log) WorkerTaken(time.Duration)              { l.count(&l.taken) }
func (l *log) WorkerSpawned(time.Duration)            { l.count(&l.spawned) }
func (l *log) WorkerLoaded(wire.Ready, time.Duration) { l.count(&l.loaded) }

func (l *log) WorkerReaped(killed bool, _ time.Duration) {
	if killed {
		l.count(&l.killed)
		return
	}
	l.count(&l.ends)
}

func (p *Pool) census(t *testing.T, most, want int) int64 {
	t.Helper()
	n, bytes := p.Census(most)
	if n != want || (bytes > 0) != (want > 0 && most > 0) {
		t.Errorf("%d workers with %d bytes, want %d", n, bytes, want)
	}
	return bytes
}

func TestTheCensusCountsAllAndReadsSome(t *testing.T) {
	seen := new(log)
	p := newPool(t, Options{Observer: seen})
	m := hello(t, "m")
	p.census(t, 8, 0)
	var crew []*Worker
	for range 3 {
		crew = append(crew, p.mustTake(t, m, ""))
	}
	p.census(t, 0, 3)
	one := p.census(t, 1, 3) // the others are taken to be like it
	for range 2 {
		p.census(t, 1, 3)
	}
	p.crew.mu.Lock()
	for w, r := range p.crew.workers {
		if r.round == 0 {
			t.Errorf("worker %d was never read in 3 rounds", w.PID())
		}
	}
	p.crew.mu.Unlock()
	if all := p.census(t, 3, 3); all > 3*one || one > 3*all {
		t.Errorf("%d bytes by one worker, %d by all", one, all)
	}
	crew[0].Kill()
	p.finish(crew[0])
	p.mustRun(t, crew[1], true)
	p.census(t, 8, 1)
	p.finish(crew[2])
	p.census(t, 8, 0)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if seen.taken != 0 || seen.spawned != 3 || seen.loaded != 3 || seen.killed != 1 || seen.ends != 2 {
		t.Errorf("told: %d taken, %d spawned, %d loaded, %d killed, %d ended", seen.taken, seen.spawned, seen.loaded, seen.killed, seen.ends)
	}
}

// A worker that cannot load is one of the crew for as long as it lives.
func TestWorkersThatCannotLoadLeaveTheCrew(t *testing.T) {
	p := newPool(t, Options{})
	if w, err := p.Take(t.Context(), newModule(t, "bad", []byte("no module")), ""); err == nil {
		t.Fatalf("worker %d has loaded nonsense", w.PID())
	}
	p.census(t, 8, 0)
}
