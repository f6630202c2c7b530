package host_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/soltihq/solti-host/host"
	"github.com/soltihq/solti-host/host/task"
)

// A program that runs a spec through a plugin: what `solti-host run` does, as a library.
func Example() {
	ctx := context.Background()
	h, err := host.New(host.Options{
		PluginDir: plugins,         // with solti-runner-subprocess
		StateDir:  "",              // nothing survives this process; name a directory to keep tasks
		Grace:     5 * time.Second, // for attempts to end
		Version:   "agent 1.0",     // shown to plugins
		Log:       nil,             // no log
	})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Shutdown(ctx)
	if err := h.Start(ctx); err != nil {
		log.Fatal(err)
	}

	spec, err := task.Decode([]byte(`
apiVersion: solti.io/v1
kind: Task
metadata: {name: hello}
spec:
  slot: greetings
  workload:
    apiVersion: solti.io/v1
    kind: Subprocess
    spec: {command: echo, args: [hello, world]}
`))
	if err != nil {
		log.Fatal(err) // all problems of the document at once
	}
	t, err := h.Submit(ctx, spec)
	if err != nil {
		log.Fatal(err)
	}
	for c, err := range h.Output(ctx, t.Metadata.Name, task.OutputQuery{Follow: true}) {
		if err != nil {
			log.Fatal(err)
		}
		os.Stdout.Write(c.Data)
	}
	t, err = h.Wait(ctx, t.Metadata.Name, t.Metadata.UID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Status.Outcome.Kind, *t.Status.ExitCode)
	// Output:
	// hello world
	// completed 0
}

// Tasks whose code is part of the program: with the policies, the history and the output of all others.
func ExampleHost_SubmitFunc() {
	ctx := context.Background()
	h, err := host.New(host.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Shutdown(ctx)
	if err := h.Start(ctx); err != nil {
		log.Fatal(err)
	}
	retries := 5
	_, err = h.SubmitFunc(ctx, &task.Task{
		Metadata: task.Metadata{Name: "refresh"},
		Spec: task.Spec{
			Slot:       "cache",
			Timeout:    task.Duration(time.Minute),
			Restart:    task.Restart{Policy: task.OnFailure},
			Backoff:    &task.Backoff{First: task.Duration(time.Millisecond)},
			MaxRetries: &retries,
		},
	}, func(ctx context.Context, r *host.Run) error {
		if r.Attempt < 3 {
			return errors.New("the other side does not answer")
		}
		fmt.Fprintln(r.Stdout, "refreshed")
		return ctx.Err()
	})
	if err != nil {
		log.Fatal(err)
	}
	t, err := h.Wait(ctx, "refresh", task.UID{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Status.Phase, "in attempt", t.Status.Attempt)
	// Output: succeeded in attempt 3
}

func ExampleHost_Output() {
	ctx := context.Background()
	h := exampleHost(ctx)
	defer h.Shutdown(ctx)
	attempts := 1
	_, err := h.SubmitFunc(ctx, &task.Task{
		Metadata: task.Metadata{Name: "work"},
		Spec: task.Spec{
			Slot: "work", MaxRetries: &attempts,
			Restart: task.Restart{Policy: task.OnFailure}, Backoff: &task.Backoff{First: 1, Max: 1},
		},
	}, func(_ context.Context, r *host.Run) error {
		fmt.Fprintln(r.Stdout, "trying")
		fmt.Fprintln(r.Stderr, "no luck")
		return errors.New("no luck")
	})
	if err != nil {
		log.Fatal(err)
	}
	// From the first attempt on, over all that follow, until the task is over.
	q := task.OutputQuery{From: task.Cursor{Attempt: 1}, Rest: true, Follow: true}
	for c, err := range h.Output(ctx, "work", q) {
		switch {
		case err != nil:
			log.Fatal(err)
		case c.Ended != nil:
			fmt.Printf("attempt %d %s\n", c.Attempt, c.Ended.Phase)
		case c.Gap > 0:
			fmt.Printf("%d bytes of %s are missing: %s\n", c.Gap, c.Stream, c.Why)
		default:
			fmt.Printf("%s: %s", c.Stream, c.Data)
		}
	}
	// Output:
	// stdout: trying
	// stderr: no luck
	// attempt 1 failed
	// stdout: trying
	// stderr: no luck
	// attempt 2 failed
}

func ExampleHost_Query() {
	ctx := context.Background()
	h := exampleHost(ctx)
	defer h.Shutdown(ctx)
	for _, name := range []task.Name{"web-1", "web-2", "db"} {
		t := &task.Task{Metadata: task.Metadata{Name: name}, Spec: task.Spec{Slot: task.Slot(name)}}
		if name != "db" {
			t.Metadata.Labels = map[string]string{"tier": "web"}
		}
		if _, err := h.SubmitFunc(ctx, t, func(context.Context, *host.Run) error { return nil }); err != nil {
			log.Fatal(err)
		}
		if _, err := h.Wait(ctx, name, task.UID{}); err != nil {
			log.Fatal(err)
		}
	}
	q := task.Query{Limit: 1, Phases: []task.Phase{task.Succeeded}, Labels: &task.Selector{MatchLabels: map[string]string{"tier": "web"}}}
	for {
		page, err := h.Query(q)
		if err != nil {
			log.Fatal(err)
		}
		for _, t := range page.Items {
			fmt.Println(t.Metadata.Name, t.Status.Phase)
		}
		if q.Continue = page.Metadata.Continue; q.Continue == "" {
			break
		}
	}
	// Output:
	// web-1 succeeded
	// web-2 succeeded
}

// What a host has accepted outlives it: another one with the same state directory goes on with it.
func ExampleHost_Shutdown() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "agent-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	options := host.Options{PluginDir: plugins, StateDir: filepath.Join(dir, "state"), Concurrency: 1}

	first, err := host.New(options)
	if err != nil {
		log.Fatal(err)
	}
	if err := first.Start(ctx); err != nil {
		log.Fatal(err)
	}
	for _, name := range []task.Name{"one", "two"} {
		_, err := first.Submit(ctx, &task.Task{
			Metadata: task.Metadata{Name: name},
			Spec: task.Spec{
				Slot: "jobs", Admission: task.Queue, Restart: task.Restart{Policy: task.OnFailure},
				Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: []byte(`{"command": "sleep", "args": ["0.2"]}`)},
			},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := first.Shutdown(ctx); err != nil { // both are on disk, the second still waits for the slot
		log.Fatal(err)
	}

	second, err := host.New(options)
	if err != nil {
		log.Fatal(err)
	}
	defer second.Shutdown(ctx)
	if err := second.Start(ctx); err != nil {
		log.Fatal(err)
	}
	t, err := second.Wait(ctx, "two", task.UID{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(t.Metadata.Name, t.Status.Phase)
	// Output: two succeeded
}

// exampleHost returns a started host without plugins.
func exampleHost(ctx context.Context) *host.Host {
	h, err := host.New(host.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := h.Start(ctx); err != nil {
		log.Fatal(err)
	}
	return h
}
