package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// params reads the parameters of one request. The first problem sticks; err returns it.
type params struct {
	values  url.Values
	problem error
}

// readParams parses the query strictly: a parameter that allowed does not name is refused, and so is
// a repeated one, unless its name there ends in "*".
func readParams(r *http.Request, allowed ...string) *params {
	if r.URL.RawQuery == "" {
		return &params{}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &params{problem: refuse(task.ReasonBadRequest, "the query cannot be read: "+err.Error())}
	}
	p := &params{values: values}
	for name, v := range values {
		switch {
		case slices.Contains(allowed, name+"*"):
		case !slices.Contains(allowed, name):
			p.fail(name, "no such parameter; this route knows "+knownParams(allowed))
		case len(v) > 1:
			p.fail(name, "give it once")
		}
	}
	return p
}

func knownParams(allowed []string) string {
	if len(allowed) == 0 {
		return "none"
	}
	return strings.ReplaceAll(strings.Join(allowed, ", "), "*", "")
}

func (p *params) err() error { return p.problem }

func (p *params) fail(name, message string) {
	if p.problem == nil {
		p.problem = badField(name, message)
	}
}

func (p *params) has(name string) bool { return p.values.Has(name) }

func (p *params) text(name string) string { return p.values.Get(name) }

func (p *params) flag(name string) bool {
	switch p.text(name) {
	case "true":
		return true
	case "false":
		return false
	}
	if p.has(name) {
		p.fail(name, "want true or false")
	}
	return false
}

func (p *params) uid(name string) task.UID {
	if !p.has(name) {
		return task.UID{}
	}
	u, err := task.ParseUID(p.text(name))
	if err != nil {
		p.fail(name, err.Error())
	} else if u.IsZero() {
		p.fail(name, "it is empty")
	}
	return u
}

// number returns a parameter from 0 to most; 0 where it is not given.
func (p *params) number(name string, most int) int {
	if !p.has(name) {
		return 0
	}
	n, err := strconv.ParseUint(p.text(name), 10, 31)
	if err != nil || int(n) > most {
		p.fail(name, fmt.Sprintf("want a number from 0 to %d", most))
		return 0
	}
	return int(n)
}

// duration returns a parameter of at most most, or def where it is not given.
func (p *params) duration(name string, def, most time.Duration) time.Duration {
	if !p.has(name) {
		return def
	}
	d, err := time.ParseDuration(p.text(name))
	if err != nil || d < 0 || d > most {
		p.fail(name, fmt.Sprintf("want a duration from 0s to %s, such as 30s", task.Duration(most)))
	}
	return d
}

func (p *params) phases(name string) (phases []task.Phase) {
	for _, v := range p.values[name] {
		if !slices.Contains(task.Phases, task.Phase(v)) {
			p.fail(name, fmt.Sprintf("%q is not a phase; want one of %v", v, task.Phases))
			return nil
		}
		phases = append(phases, task.Phase(v))
	}
	return phases
}

func (p *params) stream(name string) task.Stream {
	switch p.text(name) {
	case "stdout":
		return task.Stdout
	case "stderr":
		return task.Stderr
	}
	if p.has(name) {
		p.fail(name, "want stdout or stderr")
	}
	return 0
}

// slot returns "" where the parameter is not given or empty.
func (p *params) slot(name string) task.Slot {
	slot := task.Slot(p.text(name))
	if slot != "" {
		if err := slot.Validate(); err != nil {
			p.fail(name, err.Error())
		}
	}
	return slot
}

// selector returns nil where the parameter is not given or empty.
func (p *params) selector(name string) *task.Selector {
	if p.text(name) == "" {
		return nil
	}
	sel, err := task.ParseSelector(p.text(name))
	if err != nil {
		p.fail(name, err.Error())
	}
	return sel
}
