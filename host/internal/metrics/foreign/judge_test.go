package foreign

import (
	"fmt"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/sdk"
)

// gauge is the declaration of the gauge g of plugin p.
const gauge = "# TYPE solti_runner_p_g gauge\n"

// What a plugin may not say, as what is counted for it, and what is shown all the same.
func TestWhatIsRefused(t *testing.T) {
	long := strings.Repeat("x", sdk.MaxMetricName+1)
	for name, c := range map[string]struct {
		text    string
		counted string // for one series, or for the answer; empty means nothing
		shown   string
	}{
		"garbage":              {"\x00\x01{{{\n", "malformed", ""},
		"no newline":           {"solti_runner_p_g", "malformed", ""},
		"not UTF-8":            {gauge + "solti_runner_p_g{a=\"\xff\"} 1\n", "malformed", ""},
		"help not UTF-8":       {"# HELP solti_runner_p_g \xff\n" + gauge + "solti_runner_p_g 1\n", "malformed", ""},
		"too large":            {strings.Repeat("#\n", 1<<20), "tooLarge", ""},
		"a million series":     {gauge + strings.Repeat("solti_runner_p_g 1\n", 1_000_000), "tooLarge", ""},
		"short series":         {strings.Repeat("a 1\n", 1<<18), "tooLarge", ""},
		"many labels":          {gauge + "solti_runner_p_g{" + strings.Repeat(`a="",`, 200_000) + "} 1\n", "tooLarge", ""},
		"labels twice":         {gauge + `solti_runner_p_g{a="1",a="2"} 1` + "\n", "malformed", ""},
		"NaN as time":          {gauge + "solti_runner_p_g 1 NaN\n", "malformed", ""},
		"time":                 {gauge + "solti_runner_p_g 1 1000\n", "time", ""},
		"series twice":         {gauge + "solti_runner_p_g{a=\"1\"} 1\nsolti_runner_p_g{a=\"1\"} 2\n", "duplicate", `solti_runner_p_g{a="1",plugin="p"} 1`},
		"a new line of labels": {gauge + "solti_runner_p_g{a=\"1\\n\",b=\"2\"} 1\n", "", `a="1\n",b="2",plugin="p"`},
		"foreign name":         {"# TYPE go_goroutines gauge\ngo_goroutines 1\n", "name", ""},
		"name of the host":     {"# TYPE solti_plugin_state gauge\nsolti_plugin_state 1\n", "name", ""},
		"name of another":      {"# TYPE solti_runner_q_g gauge\nsolti_runner_q_g 1\n", "name", ""},
		"of another with -":    {"# TYPE solti_runner_p__x_g gauge\nsolti_runner_p__x_g 1\n", "name", ""},
		"prefix alone":         {"# TYPE solti_runner_p_ gauge\nsolti_runner_p_ 1\n", "name", ""},
		"long name":            {"# TYPE solti_runner_p_" + long + " gauge\nsolti_runner_p_" + long + " 1\n", "name", ""},
		"part of a histogram":  {"# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_count 1\n# TYPE solti_runner_p_h_sum gauge\nsolti_runner_p_h_sum 2\n", "malformed", ""},
		"part before it":       {"# TYPE solti_runner_p_h_sum gauge\nsolti_runner_p_h_sum 2\n# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_count 1\n", "name", "solti_runner_p_h_count{plugin=\"p\"} 1"},
		"no type":              {"solti_runner_p_g 1\n", "type", ""},
		"open type":            {"# TYPE solti_runner_p_g info\nsolti_runner_p_g 1\n", "malformed", ""},
		"type twice":           {gauge + "# TYPE solti_runner_p_g counter\nsolti_runner_p_g 1\n", "malformed", ""},
		"long help":            {"# HELP solti_runner_p_g " + strings.Repeat("x", sdk.MaxMetricHelp+1) + "\n" + gauge + "solti_runner_p_g 1\n", "help", ""},
		"label of the host":    {gauge + "solti_runner_p_g{plugin=\"q\"} 1\nsolti_runner_p_g 2\n", "label", `solti_runner_p_g{plugin="p"} 2`},
		"label le":             {gauge + "solti_runner_p_g{le=\"1\"} 1\n", "label", ""},
		"private label":        {gauge + "solti_runner_p_g{__x=\"1\"} 1\n", "label", ""},
		"long label":           {gauge + "solti_runner_p_g{a=\"" + long + "\"} 1\n", "label", ""},
		"nine labels":          {gauge + `solti_runner_p_g{a="",b="",c="",d="",e="",f="",g="",h="",i=""} 1` + "\n", "label", ""},
		"counter below zero":   {"# TYPE solti_runner_p_c counter\nsolti_runner_p_c -1\n", "value", ""},
		"counter NaN":          {"# TYPE solti_runner_p_c counter\nsolti_runner_p_c NaN\n", "value", ""},
		"counter infinite":     {"# TYPE solti_runner_p_c counter\nsolti_runner_p_c +Inf\n", "value", ""},
		"buckets shrink":       {"# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_bucket{le=\"1\"} 5\nsolti_runner_p_h_bucket{le=\"2\"} 4\nsolti_runner_p_h_count 5\n", "value", ""},
		"buckets twice":        {"# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_bucket{le=\"1\"} 5\nsolti_runner_p_h_bucket{le=\"1\"} 5\nsolti_runner_p_h_count 5\n", "value", ""},
		"bucket NaN":           {"# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_bucket{le=\"NaN\"} 5\nsolti_runner_p_h_count 5\n", "", "solti_runner_p_h_bucket{plugin=\"p\",le=\"+Inf\"} 5"},
		"more than all":        {"# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_bucket{le=\"1\"} 5\nsolti_runner_p_h_count 4\n", "value", ""},
		"infinity apart":       {"# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_bucket{le=\"+Inf\"} 3\nsolti_runner_p_h_count 4\n", "value", ""},
		"quantile above one":   {"# TYPE solti_runner_p_s summary\nsolti_runner_p_s{quantile=\"2\"} 1\n", "value", ""},
		"quantiles twice":      {"# TYPE solti_runner_p_s summary\nsolti_runner_p_s{quantile=\"0.5\"} 1\nsolti_runner_p_s{quantile=\"0.5\"} 2\n", "value", ""},
		"nothing":              {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, seen := newRegistry(t, Options{Pull: answers(answer("p", c.text))})
			got := scrape(t, r)
			if c.shown == "" && got != "" || !strings.Contains(got, c.shown) {
				t.Errorf("shown: %s, want %q", got, c.shown)
			}
			want := map[string]int{"p ok": 1}
			switch Result(c.counted) {
			case "":
			case Malformed, TooLarge:
				want = map[string]int{"p " + c.counted: 1}
			default:
				want["p "+c.counted] = 1
			}
			if fmt.Sprint(seen.said()) != fmt.Sprint(want) {
				t.Errorf("counted %v, want %v", seen.said(), want)
			}
		})
	}
}

// Names of the host stay the host's also where a plugin's own name would lead to them.
func TestPluginsCalledLikeFamiliesOfTheHost(t *testing.T) {
	r, seen := newRegistry(t, Options{Pull: answers(
		answer("errors", "# TYPE solti_runner_errors_total gauge\nsolti_runner_errors_total 1\n# TYPE solti_runner_errors_x gauge\nsolti_runner_errors_x 1\n"),
		answer("task", "# TYPE solti_runner_task_duration_seconds_count gauge\nsolti_runner_task_duration_seconds_count 1\n"),
	)})
	if got := scrape(t, r); got != "# HELP solti_runner_errors_x \n# TYPE solti_runner_errors_x gauge\nsolti_runner_errors_x{plugin=\"errors\"} 1\n" {
		t.Errorf("shown: %s", got)
	}
	if got := fmt.Sprint(seen.said()); got != "map[errors name:1 errors ok:1 task name:1 task ok:1]" {
		t.Errorf("counted %s", got)
	}
}

// Two plugins cannot mean one family, whatever their names, so that they cannot disagree about its type
// or help.
func TestPluginsDoNotMeetInAFamily(t *testing.T) {
	for _, names := range [][2]string{{"a", "a-b"}, {"a", "a-"}, {"a-b", "a--b"}, {"a", "b"}, {"a-", "a--"}} {
		for _, text := range []string{"x", "b_x", "_b_x", "__x", "_x", "___x"} {
			var all []Answer
			for i, name := range names {
				for _, of := range names {
					kind := []string{"gauge", "counter"}[i]
					f := sdk.MetricPrefix(of) + text
					all = append(all, answer(name, fmt.Sprintf("# HELP %s By %s.\n# TYPE %s %s\n%s 1\n", f, name, f, kind, f)))
				}
			}
			r, _ := newRegistry(t, Options{Pull: answers(all...)})
			scrape(t, r)
		}
	}
}

func TestWhatIsBeyondALimitIsDropped(t *testing.T) {
	var series, families strings.Builder
	series.WriteString(gauge)
	for i := range sdk.MaxMetricSeries + 5 {
		fmt.Fprintf(&series, "solti_runner_p_g{i=\"%d\"} 1\n", i)
	}
	for i := range sdk.MaxMetricFamilies + 7 {
		fmt.Fprintf(&families, "# TYPE solti_runner_q_g%d gauge\nsolti_runner_q_g%d 1\n", i, i)
	}
	r, seen := newRegistry(t, Options{Pull: answers(answer("p", series.String()), answer("q", families.String()))})
	got := scrape(t, r)
	if n := strings.Count(got, `plugin="p"`); n != sdk.MaxMetricSeries {
		t.Errorf("%d series are shown, want %d", n, sdk.MaxMetricSeries)
	}
	if n := strings.Count(got, `plugin="q"`); n != sdk.MaxMetricFamilies {
		t.Errorf("%d families are shown, want %d", n, sdk.MaxMetricFamilies)
	}
	if got := fmt.Sprint(seen.said()); got != "map[p limit:5 p ok:1 q limit:7 q ok:1]" {
		t.Errorf("counted %s", got)
	}
}

// Whatever a plugin says, a scrape works, and what it shows can be read.
func FuzzScrapesWork(f *testing.F) {
	for _, text := range []string{
		gauge + "solti_runner_p_g{a=\"1\"} 1\n", "# TYPE solti_runner_p_h histogram\nsolti_runner_p_h_bucket{le=\"1\"} 2\nsolti_runner_p_h_count 3\n",
		"# TYPE solti_runner_p_s summary\nsolti_runner_p_s{quantile=\"0.5\"} 1\nsolti_runner_p_s_sum 2\n", gauge + "{\"solti_runner_p_g\",b=\"\\\\\"} 1 5\n",
		"# TYPE solti_runner_p_h_count gauge\nsolti_runner_p_h_count 1\n# TYPE solti_runner_p_h summary\nsolti_runner_p_h_sum 1\n",
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		r, _ := newRegistry(t, Options{Pull: answers(answer("p", one), answer("p-q", other))})
		scrape(t, r)
	})
}
