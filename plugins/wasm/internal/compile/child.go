package compile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/soltihq/solti-host/plugins/wasm/internal/fence"
	"github.com/soltihq/solti-host/plugins/wasm/internal/guest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/module"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

// The child's descriptors.
const (
	fdModule  = spawn.FirstFile + iota
	fdRequest // sealed
	fdGo      // at its end the limits are set
	fdDerived // for the module that was compiled
	fdShell   // for its shell
	fdReport
	fdScratch // a directory
)

// A request is what a child is told.
type request struct {
	Options Options
	Memory  int64 // bytes of heap from which on memory is dearer than time
}

// A report is what a child tells.
type report struct {
	Facts    *module.Facts
	Refused  []string `json:",omitempty"`
	Failure  string   `json:",omitempty"` // of something else than the module
	NoShell  string   `json:",omitempty"` // why there is none of a module that was compiled
	Changed  bool
	Dropped  []string `json:",omitempty"`
	Segments [2]int
}

// Main is the child. It returns the exit code.
func Main() int {
	r, err := work()
	if err == nil {
		err = json.NewEncoder(os.NewFile(fdReport, "report")).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// work does what the request says. What is wrong with the module is in the report.
func work() (*report, error) {
	gate := os.NewFile(fdGo, "go")
	_, _ = io.Copy(io.Discard, gate)
	_ = gate.Close()
	text, err := readAll(os.NewFile(fdRequest, "request"))
	if err != nil {
		return nil, err
	}
	var q request
	if err := json.Unmarshal(text, &q); err != nil {
		return nil, err
	}
	if _, err := confine(q); err != nil {
		return nil, err
	}
	wasm, err := readAll(os.NewFile(fdModule, "module"))
	if err != nil {
		return nil, err
	}
	r := new(report)
	if wasm = r.admit(wasm, q.Options); wasm == nil {
		return r, nil
	}
	if _, err := os.NewFile(fdDerived, "derived").Write(wasm); err != nil {
		return nil, fmt.Errorf("write the module: %w", err)
	}
	if q.Options.CheckOnly {
		return r, nil
	}
	if err := guest.Executable(); err != nil { // the engine would panic
		r.Failure = "memory that was written may not be executed here: " + err.Error()
		return r, nil
	}
	return r, r.compile(wasm, q)
}

// confine gives up what the child does not need, and makes it the first to go when memory is short. Of all files the
// ones in the scratch directory are left, and of its descriptors those that it has yet to use.
func confine(q request) (wall fence.Fence, err error) {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	debug.SetMemoryLimit(q.Memory)
	if err := fence.NoNewPrivileges(); err != nil {
		return wall, err
	}
	wall = fence.New()
	err = wall.Close([]fence.Rule{{Dir: fdScratch, Writable: true}})
	return wall, err
}

// readAll reads a file whose size is known, and closes it. The module's descriptor may be shared, so its offset is not used.
func readAll(f *os.File) ([]byte, error) {
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, st.Size())
	n, err := f.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the %s: %w", f.Name(), err)
	}
	return data[:n], nil
}

// admit inspects a module and returns what is to be compiled, or nil if it is refused.
func (r *report) admit(wasm []byte, o Options) []byte {
	facts, err := module.Inspect(wasm)
	if err != nil {
		r.Refused = []string{module.Reason(err)}
		return nil
	}
	r.Facts = facts
	if o.Admitted != "" {
		return wasm
	}
	rules := o.rules()
	if r.Refused = facts.Refusals(rules); len(r.Refused) > 0 && !o.Normalize {
		return nil
	}
	if !o.Normalize {
		return wasm
	}
	n, err := module.Normalize(wasm, o.Debug)
	if err != nil {
		if len(r.Refused) == 0 {
			r.Refused = []string{"cannot be normalised: " + err.Error() + "; try normalize: false"}
		}
		return nil
	}
	r.Dropped, r.Segments, r.Changed = n.Dropped, n.Segments, n.Changed
	if len(r.Refused) > 0 && !r.mended(n.Wasm, rules) {
		return nil
	}
	return n.Wasm
}

// mended reports whether the module is taken as it was normalised.
func (r *report) mended(wasm []byte, rules module.Rules) bool {
	facts, err := module.Inspect(wasm)
	if err != nil || len(facts.Refusals(rules)) > 0 {
		return false
	}
	r.Refused = nil
	return true
}

func firstLine(text string) string {
	line, _, _ := bytes.Cut([]byte(text), []byte("\n"))
	return string(line[:min(len(line), 1<<10)])
}
