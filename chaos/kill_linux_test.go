package chaos

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/host/task"
)

// submitters is how many ask at one time.
const submitters = 6

// killSettings make lives eventful: queues fill, permits run out, and who is asked to end has little
// time.
var killSettings = []string{"grace: 300ms", "queue: {slotLimit: 20}", "concurrency: 32"}

// afterDeath bounds how long processes may live without their host.
const afterDeath = 5 * time.Second

func TestKilledHostKeepsItsPromises(t *testing.T) {
	t.Parallel()
	for range rounds() {
		survive(t, 0, kills())
	}
}

// As another user there are no cgroups: what is left is found by session, lock and environment.
func TestKilledHostKeepsItsPromisesWithoutPrivileges(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another user")
	}
	n := kills()
	if !long() && *killsFlag == 0 {
		n /= 10
	}
	for range rounds() {
		survive(t, nobody, n)
	}
}

// A campaign is one run of kills.
type campaign struct {
	*world
	dice       *rand.Rand
	kills      []oracle.Kill
	starts     []time.Duration // up to readiness
	unready    int             // lives that were killed before that
	orphans    []time.Duration // life of processes without a host
	plugins    int             // killed with their hosts
	debt       bool            // what a killed plugin left behind is there until a host gets ready
	submitters []*submitter
	observer   *observer
	followers  *followers
}

// survive kills the host n times and checks what is left.
func survive(t *testing.T, uid, n int) {
	s := seed()
	t.Logf("again: go test ./chaos -run '^%s$' -seed=%d -kills=%d", t.Name(), s, n)
	began := time.Now()
	c := &campaign{world: setup(t, uid, killSettings...), dice: rand.New(rand.NewPCG(s, 0))} //nolint:gosec // repeatable
	evidence := c.run(s, func() {
		for range n {
			c.oneLife()
		}
	})
	c.reports(oracle.Check(evidence))
	summary := fmt.Sprintf("chaos: seed %d, uid %d: %d kills in %s, %d before the host was ready, %d with the plugin; "+
		"start to ready p50 %s, p95 %s, max %s; processes without a host gone after %s at most; %s",
		s, uid, len(c.kills), time.Since(began).Round(time.Second), c.unready, c.plugins,
		quantile(c.starts, 0.5), quantile(c.starts, 0.95), quantile(c.starts, 1), quantile(c.orphans, 1), count(evidence))
	t.Log(summary)
}

// run lets the nemesis do its work under load, and collects the evidence.
func (c *campaign) run(s uint64, nemesis func()) *oracle.Evidence {
	loadCtx, endLoad := context.WithCancel(c.t.Context())
	followCtx, endFollow := context.WithCancel(c.t.Context())
	c.followers = newFollowers(followCtx, c.world)
	var load sync.WaitGroup
	defer func() { // also when the test fails on the way
		endLoad()
		load.Wait()
		endFollow()
		c.followers.work.Wait()
	}()
	for i := range submitters {
		s := &submitter{world: c.world, number: i, dice: rand.New(rand.NewPCG(s, uint64(i+1))), followers: c.followers} //nolint:gosec // repeatable
		c.submitters = append(c.submitters, s)
		load.Go(func() { s.run(loadCtx) })
	}
	c.observer = &observer{world: c.world}
	load.Go(func() { c.observer.run(loadCtx) })
	nemesis()
	endLoad()
	load.Wait()
	return c.end()
}

// oneLife starts a host and kills it.
func (c *campaign) oneLife() {
	l := c.start()
	early := c.dice.IntN(100) < 15
	with := c.dice.IntN(100) < 10
	look := c.dice.IntN(100) < 10
	moment := time.Duration(c.dice.Int64N(int64(800*time.Millisecond))) + 20*time.Millisecond
	if early {
		moment /= 3
		c.unready++
	} else {
		c.starts = append(c.starts, c.ready(l))
		c.debt = false
	}
	wait(c.t.Context(), moment)
	select {
	case <-l.Gone():
		c.t.Fatalf("the host ended by itself in life %d: see %s", l.Number, c.LogPath(l.Number))
	default:
	}
	before := len(c.kills)
	if with && !early && c.cgroups() {
		c.killPlugin("subprocess")
		c.debt = true
	}
	at := l.Kill()
	for i := range c.kills[before:] {
		c.kills[before+i].Until = at
	}
	c.kills = append(c.kills, oracle.Kill{At: at})
	if look && !c.debt { // with its plugin dead, only the next host can end what is left
		took, err := c.empty(afterDeath)
		if err != nil {
			c.oddly("%s after the host was killed: %v", afterDeath, err)
		}
		c.orphans = append(c.orphans, took)
	}
}

// cgroups reports whether the first host has cgroups. Without them, what hides from its plugin is lost
// sight of when the plugin dies together with the host.
func (c *campaign) cgroups() bool {
	log, err := os.ReadFile(c.LogPath(1))
	if err != nil {
		c.t.Fatal(err)
	}
	return !bytes.Contains(log, []byte("no cgroups for plugins"))
}

// killPlugin kills a plugin's process, just before its host.
func (c *campaign) killPlugin(name string) {
	all, err := c.Processes()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range all {
		if program, _, _ := strings.Cut(p.Command, " "); filepath.Base(program) == "solti-runner-"+name {
			c.kills = append(c.kills, oracle.Kill{At: time.Now()})
			if syscall.Kill(p.PID, syscall.SIGKILL) == nil {
				c.plugins++
			}
		}
	}
}

// end lets everything get to its end, stops the host, looks for what is left and starts it once more.
func (c *campaign) end() *oracle.Evidence {
	c.t.Helper()
	l := c.start()
	c.ready(l)
	tasks, cancels := c.settle()
	c.unfollow()
	e := &oracle.Evidence{
		Intents: map[string]oracle.Intent{}, Sightings: c.observer.notes, Kills: c.kills, Followed: c.followers.done,
	}
	for _, s := range c.submitters {
		e.Ops = append(e.Ops, s.ops...)
		for _, i := range s.intents {
			e.Intents[i.ID] = i
		}
	}
	e.Ops = append(e.Ops, cancels...)
	e.Finals = c.finals(tasks)
	if _, err := l.Stop(30 * time.Second); err != nil {
		c.oddly("%v", err)
	}
	if _, err := c.empty(2 * time.Second); err != nil {
		e.Left = append(e.Left, err.Error())
	}
	e.Ledger = c.ledger()
	c.reopen(len(tasks))
	e.Errors = c.errors()
	return e
}

// unfollow waits for the followers, whose tasks are over.
func (c *campaign) unfollow() {
	done := make(chan struct{})
	go func() {
		c.followers.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		c.oddly("followers do not come to an end")
	}
}

// reopen starts a host once more: it must have the same number of tasks and nothing to do.
func (c *campaign) reopen(want int) {
	c.t.Helper()
	l := c.start()
	c.ready(l)
	tasks, err := c.list(c.t.Context(), task.Query{})
	if err != nil || len(tasks) != want {
		c.oddly("after a stop and a start there are %d tasks, not %d: %v", len(tasks), want, err)
	}
	if _, err := l.Stop(30 * time.Second); err != nil {
		c.oddly("%v", err)
	}
}

// quantile returns the p-quantile of d, rounded.
func quantile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[int(p*float64(len(sorted)-1))].Round(time.Millisecond)
}
