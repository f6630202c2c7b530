package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/soltihq/solti-host/host/task"
)

const specs = "../examples/specs"

// documents returns the tasks of an example.
func documents(t *testing.T, name string) []*task.Task {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(specs, name))
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := task.DecodeAll(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tasks
}

// exampleConfig writes the example's configuration with a directory in front of the PATH of tasks.
func exampleConfig(t *testing.T, bin string) (path string) {
	t.Helper()
	b, err := os.ReadFile("../examples/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := yaml.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	subprocess := c["plugins"].(map[string]any)["subprocess"].(map[string]any)
	subprocess["taskEnv"].(map[string]any)["PATH"] = bin + ":/usr/local/bin:/usr/bin:/bin"
	if b, err = yaml.Marshal(c); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "host.yaml")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// standIn puts a program that prints its arguments into a directory.
func standIn(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text := "#!/bin/sh\necho \"" + name + " $* from $PGHOST in $TZ\"\n"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return dir
}

// examples say how each file of specs ends.
var examples = map[string]func(t *testing.T, s *server){
	"hello.yaml": func(t *testing.T, s *server) {
		s.endsWell("hello")
		if text := s.output("hello"); !strings.Contains(text, "hello from process") || !strings.Contains(text, "and from stderr") {
			t.Errorf("output %q", text)
		}
	},
	"hello-wasm.yaml": func(t *testing.T, s *server) {
		s.endsWell("hello-wasm")
		if text := s.output("hello-wasm"); text != "hello from WebAssembly\n" {
			t.Errorf("output %q", text)
		}
		// What it was granted is on record.
		list, err := s.client.Runs(t.Context(), "hello-wasm", task.RunQuery{})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("runs %+v, %v", list, err)
		}
		facts := list.Items[0].Facts
		if !strings.HasPrefix(facts["module"], "sha256:") || facts["memory"] != "256MiB" || facts["mounts"] != "" {
			t.Errorf("facts %q", facts)
		}
	},
	"nightly-backup.yaml": func(t *testing.T, s *server) {
		s.endsWell("nightly-backup")
		if text := s.output("nightly-backup"); text != "pg_dump app from /run/postgresql in UTC\n" {
			t.Errorf("output %q", text)
		}
	},
	"periodic.yaml": func(t *testing.T, s *server) {
		s.until("periodic", "between two attempts", func(t *task.Task) bool { return t.Status.Waiting == "interval" })
		s.command(0, "cancel", "periodic")
		if got := s.over("periodic"); got.Status.Phase != task.Canceled {
			t.Errorf("after cancel: %+v", got.Status)
		}
	},
	"queue.yaml": func(t *testing.T, s *server) {
		for _, name := range []task.Name{"queue-1", "queue-2", "queue-3"} {
			s.endsWell(name)
		}
		runs := func(name task.Name) task.Run {
			list, err := s.client.Runs(t.Context(), name, task.RunQuery{})
			if err != nil || len(list.Items) != 1 {
				t.Fatalf("runs of %s: %+v, %v", name, list, err)
			}
			return list.Items[0]
		}
		if first, second, third := runs("queue-1"), runs("queue-2"), runs("queue-3"); second.StartedAt.Before(first.FinishedAt) || third.StartedAt.Before(second.FinishedAt) {
			t.Errorf("not one after another: %+v, %+v, %+v", first, second, third)
		}
	},
	"replace.yaml": func(t *testing.T, s *server) {
		if got := s.over("replace-old"); got.Status.Outcome.Reason != task.ReasonReplaced {
			t.Errorf("the replaced task ended %+v", got.Status.Outcome)
		}
		s.endsWell("replace-new")
	},
	"retry.yaml": func(t *testing.T, s *server) {
		if got := s.over("retry"); got.Status.Phase != task.Exhausted || got.Status.Attempt != 4 {
			t.Errorf("after all retries: %+v", got.Status)
		}
	},
	"script.yaml": func(t *testing.T, s *server) {
		if got := s.endsWell("disk-report"); got.Status.ExitCode == nil || *got.Status.ExitCode != 3 {
			t.Errorf("exit code: %+v", got.Status)
		}
		if text := s.output("disk-report"); !strings.Contains(text, "space on /tmp\n") {
			t.Errorf("output %q", text)
		}
	},
}

// endsWell waits until a task is over, which must be a success.
func (s *server) endsWell(name task.Name) *task.Task {
	s.t.Helper()
	got := s.over(name)
	if got.Status.Phase != task.Succeeded {
		s.t.Errorf("%s ended %+v: %+v", name, got.Status.Outcome, got.Status.Error)
	}
	return got
}

func TestEveryExampleRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, "--config", exampleConfig(t, standIn(t, "pg_dump")), "--plugin-dir", runners)
	entries, err := os.ReadDir(specs)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
		s.command(0, "validate", filepath.Join(specs, e.Name()))
		s.command(0, "apply", "-f", filepath.Join(specs, e.Name()))
	}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			check := examples[name]
			if check == nil {
				t.Fatal("this example has no test")
			}
			for _, doc := range documents(t, name) {
				if !slices.Contains(s.names(), string(doc.Metadata.Name)) {
					t.Errorf("%s is not stored", doc.Metadata.Name)
				}
			}
			check(t, s)
		})
	}
	if len(files) != len(examples) {
		t.Errorf("there are %d examples and %d tests", len(files), len(examples))
	}
}

func TestTheExampleOfAConfigurationIsOne(t *testing.T) {
	t.Parallel()
	s := serve(t, "--config", "../examples/config.yaml")
	all, err := s.client.Plugins(t.Context())
	if err != nil || len(all) != 1 || all[0].Labels["zone"] != "eu" || !all[0].Required {
		t.Errorf("plugins %+v, %v", all, err)
	}
}
