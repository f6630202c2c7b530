package doctor

import (
	"io"

	"github.com/soltihq/solti-host/plugins/wasm/internal/screen"
)

// A Report is what was found. As JSON, it only grows.
type Report struct {
	Good     bool      `json:"good"` // nothing is worse or missing
	Findings []Finding `json:"findings"`
}

// A Finding is about one thing that the runner wants.
type Finding struct {
	Name   string `json:"name"`
	State  State  `json:"state"`
	Detail string `json:"detail"`           // what there is
	Remedy string `json:"remedy,omitempty"` // what its lack means, and what to do about it; where it is not good
}

// A State says how a thing is.
type State string

// The states.
const (
	Good    State = "good"
	Worse   State = "worse"   // tasks run, slower or with less around them
	Missing State = "missing" // some tasks fail, or all
)

func good(name, detail string) Finding { return Finding{Name: name, State: Good, Detail: detail} }

func newReport(findings []Finding) *Report {
	r := &Report{Good: true, Findings: findings}
	for _, f := range findings {
		r.Good = r.Good && f.State == Good
	}
	return r
}

// write tells people.
func (r *Report) write(to io.Writer) error {
	var t screen.Table
	for _, f := range r.Findings {
		t.Line(f.Name+":", "%s: %s", f.State, f.Detail)
		if f.Remedy != "" {
			t.Line("", "%s", f.Remedy)
		}
	}
	return t.Write(to)
}
