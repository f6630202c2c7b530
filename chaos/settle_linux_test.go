package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/soltihq/solti-host/chaos/internal/oracle"
	"github.com/soltihq/solti-host/host/task"
)

// settleLimit bounds the time in which everything that was accepted gets to its end once nothing is
// killed any more.
const settleLimit = 2 * time.Minute

// settle waits until every task is over. Tasks that never end by themselves must be seen to make
// progress, and are canceled then. It returns the tasks and the cancellations.
func (w *world) settle() ([]*task.Task, []oracle.Op) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), settleLimit)
	defer cancel()
	var ops []oracle.Op
	first := map[task.UID]int{} // attempts at the first look
	for {
		tasks, err := w.list(ctx, task.Query{})
		if err != nil {
			w.t.Fatalf("while tasks get to their ends: %v", err)
		}
		open := 0
		for _, t := range tasks {
			if t.Status.Done() {
				continue
			}
			open++
			md := t.Metadata
			if _, seen := first[md.UID]; !seen {
				first[md.UID] = t.Status.Attempt
			}
			if t.Spec.Restart.Policy != task.Always || t.Status.Attempt < first[md.UID]+2 {
				continue
			}
			op := oracle.Op{Kind: oracle.Cancel, Life: w.Lives, Name: md.Name}
			op.Answer, op.Reason = w.answerTo(w.client.Cancel(ctx, md.Name, md.UID))
			ops = append(ops, op)
		}
		if open == 0 || !wait(ctx, 200*time.Millisecond) {
			return tasks, ops // what is still open is a violation that the oracle finds
		}
	}
}

// finals asks for everything that the host has of tasks.
func (w *world) finals(tasks []*task.Task) []*oracle.Final {
	w.t.Helper()
	all := make([]*oracle.Final, len(tasks))
	next := make(chan int)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for i := range next {
				all[i] = w.final(tasks[i])
			}
		})
	}
	for i := range tasks {
		next <- i
	}
	close(next)
	readers.Wait()
	return all
}

func (w *world) final(t *task.Task) *oracle.Final {
	ctx, cancel := context.WithTimeout(w.t.Context(), requestLimit)
	defer cancel()
	f := &oracle.Final{Task: t, Stdout: map[int][]byte{}, Gaps: map[int]int64{}}
	md := t.Metadata
	for q := (task.RunQuery{UID: md.UID, Limit: task.MaxPage}); ; {
		page, err := w.client.Runs(ctx, md.Name, q)
		if err != nil {
			w.oddly("runs of %s: %v", md.Name, err)
			break
		}
		f.Runs = append(f.Runs, page.Items...)
		if q.Continue = page.Metadata.Continue; q.Continue == "" {
			break
		}
	}
	if t.Status.Attempt == 0 || !t.Status.Done() {
		return f
	}
	err := readOutput(ctx, w.client, md.Name, md.UID, f.Stdout, func(attempt int, gap int64) { f.Gaps[attempt] += gap })
	if err != nil {
		w.oddly("output of %s: %v", md.Name, err)
	}
	return f
}

// expectedError reports whether a line of level error is none here.
func expectedError(string) bool { return false }

// errors returns what the logs of all lives and the clients have that nobody expects.
func (w *world) errors() []string {
	w.t.Helper()
	w.mu.Lock()
	all := w.odd
	w.mu.Unlock()
	for life := 1; life <= w.Lives; life++ {
		bad, err := w.LogErrors(life, expectedError)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, bad...)
	}
	return all
}

// reports fails the test with the violations, the first of them in full.
func (w *world) reports(found []oracle.Violation) {
	w.t.Helper()
	const shown = 30
	for i, v := range found {
		if i == shown {
			w.t.Errorf("and %d more", len(found)-shown)
			return
		}
		w.t.Error(v)
	}
}

// A tally counts what a run has shown.
type tally struct {
	acked, created, refused, unknown, repeated int
	tasks, attempts, lost, begun, ended        int
}

func count(e *oracle.Evidence) tally {
	var n tally
	keys := map[string]bool{}
	for _, op := range e.Ops {
		switch op.Answer {
		case oracle.Done:
			n.acked++
			if op.Kind == oracle.Create || op.How == task.AppliedCreated {
				if op.Key != "" && keys[op.Key] {
					n.repeated++
				} else {
					n.created++
				}
				keys[op.Key] = true
			}
		case oracle.Refused:
			n.refused++
		default:
			n.unknown++
		}
	}
	for _, f := range e.Finals {
		n.tasks++
		n.attempts += len(f.Runs)
		for _, r := range f.Runs {
			if r.Phase == task.LostRun {
				n.lost++
			}
		}
	}
	for _, l := range e.Ledger {
		switch l.Kind {
		case oracle.Begin:
			n.begun++
		case oracle.End:
			n.ended++
		}
	}
	return n
}

func (n tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests acknowledged (%d tasks, %d repeated by key), %d refused, %d unanswered; ", n.acked, n.created, n.repeated, n.refused, n.unknown)
	fmt.Fprintf(&b, "%d tasks at the end with %d attempts, %d of them lost; %d payloads began, %d ended", n.tasks, n.attempts, n.lost, n.begun, n.ended)
	return b.String()
}
