package host

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A zero in a setting means none, in an option the default.
func TestLoadConfigTurnsNoneIntoOptions(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	o, err := LoadConfig(ConfigSource{
		Env:      []string{"SOLTI_QUEUE_SLOT_LIMIT=0", "SOLTI_LOG_FORMAT=json", "SOLTI_PLUGIN_DIR=/usr"},
		Flags:    map[string]string{"state-dir": dir, "grace": "0s", "plugins-order": "b,a"},
		Defaults: map[string]string{"listen": "none", "concurrency": "3"},
		Log:      &log, Version: "v1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if o.StateDir != dir || o.Listen != "none" || o.Concurrency != 3 || o.Version != "v1" || len(o.PluginOrder) != 2 {
		t.Errorf("got %+v", o)
	}
	if o.SlotQueue >= 0 || o.Grace <= 0 || o.Grace > time.Millisecond {
		t.Errorf("queue %d and grace %v do not mean none", o.SlotQueue, o.Grace)
	}
	o.Log.Info("hello", "slot", "s")
	if !strings.Contains(log.String(), `"slot":"s"`) {
		t.Errorf("logged %q, want JSON", &log)
	}
}

func TestLoadConfigReportsAllProblems(t *testing.T) {
	_, err := LoadConfig(ConfigSource{Env: []string{"SOLTI_GRACE=x", "SOLTI_PLUGIN_DIR=/usr"}, Flags: map[string]string{
		"state-dir": filepath.Join(t.TempDir(), strings.Repeat("x", 120)), "listen": "1.2.3.4:5",
	}})
	var problems task.FieldErrors
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Errorf("got %v, want three problems", err)
	}
}

func TestSettingsNameThemselves(t *testing.T) {
	for _, s := range Settings() {
		if s.Flag == "" || !strings.HasPrefix(s.Env, "SOLTI_") || s.Key == "" || s.Usage == "" {
			t.Errorf("got %+v", s)
		}
	}
}
