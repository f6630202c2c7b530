package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A report prints tables as their rows come in, and keeps them for machines.
type report struct {
	Machine machine  `json:"machine"`
	Tables  []*table `json:"tables"`
	out     io.Writer
}

// A machine says where the figures come from.
type machine struct {
	CPUs   int       `json:"cpus"`
	Model  string    `json:"model"`
	Kernel string    `json:"kernel"`
	Go     string    `json:"go"`
	Load   string    `json:"load"` // of 1, 5 and 15 minutes, when the run began
	Time   time.Time `json:"time"`
}

// A table has a left column of names and further ones of figures.
type table struct {
	Measurement string           `json:"measurement"`
	Name        string           `json:"name"`
	Columns     []string         `json:"columns"`
	Rows        []map[string]any `json:"rows"`
	out         io.Writer
}

func newReport(out io.Writer) *report {
	m := machine{
		CPUs: runtime.NumCPU(), Model: field("/proc/cpuinfo", "model name"), Go: runtime.Version(),
		Kernel: word("/proc/sys/kernel/osrelease"), Load: load(), Time: time.Now().UTC().Truncate(time.Second),
	}
	return &report{Machine: m, out: out}
}

// begin starts a measurement, and says how busy the machine is.
func (r *report) begin(name string) {
	if len(r.Tables) == 0 {
		m := r.Machine
		fmt.Fprintf(r.out, "machine: %d x %s, Linux %s, %s\n", m.CPUs, m.Model, m.Kernel, m.Go)
	}
	fmt.Fprintf(r.out, "\n== %s (load average %s)\n", name, load())
	r.Tables = append(r.Tables, &table{Measurement: name})
}

// table starts a table. Columns name their unit; the first is the one of names.
func (r *report) table(name string, columns ...string) *table {
	last := r.Tables[len(r.Tables)-1]
	t := last
	if last.Name != "" {
		t = &table{Measurement: last.Measurement}
		r.Tables = append(r.Tables, t)
	}
	t.Name, t.Columns, t.Rows, t.out = name, columns, []map[string]any{}, r.out
	fmt.Fprintf(t.out, "\n-- %s\n", name)
	cells := make([]any, len(columns))
	for i, c := range columns {
		cells[i] = c
	}
	t.line(cells)
	return t
}

// row adds a row: strings, ints or floats, one for each column. A nil stands for what there is not.
func (t *table) row(cells ...any) {
	row := make(map[string]any, len(cells))
	for i, c := range cells {
		row[t.Columns[i]] = c
	}
	t.Rows = append(t.Rows, row)
	t.line(cells)
}

func (t *table) line(cells []any) {
	var b strings.Builder
	for i, c := range cells {
		if i == 0 {
			fmt.Fprintf(&b, "%-*s", max(30, len(t.Columns[0])), text(c))
			continue
		}
		fmt.Fprintf(&b, "  %*s", max(8, len(t.Columns[i])), text(c))
	}
	fmt.Fprintln(t.out, strings.TrimRight(b.String(), " "))
}

// text shows a cell with three digits that mean something.
func text(c any) string {
	f, ok := c.(float64)
	switch {
	case c == nil:
		return "-"
	case !ok:
		return fmt.Sprint(c)
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.2f", f)
	}
}

// note prints a line that is no figure.
func (r *report) note(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

func (r *report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func load() string {
	f := strings.Fields(word("/proc/loadavg"))
	return strings.Join(f[:min(3, len(f))], " ")
}

func word(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

// field returns the first value of a "name: value" file.
func field(path, name string) string {
	for line := range strings.Lines(word(path)) {
		if k, v, _ := strings.Cut(line, ":"); strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// byValue returns the keys of m, the largest value first.
func byValue[V any](m map[string]V, value func(V) float64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(value(m[b]), value(m[a])), strings.Compare(a, b))
	})
}
