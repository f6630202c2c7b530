package foreign

import (
	"runtime"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/sdk"
)

// The dearest answers that are parsed at all take a bounded multiple of their size, and those beyond
// take nothing.
func TestParsingIsBounded(t *testing.T) {
	const affordable = 48 << 20
	for name, text := range map[string]string{
		"lines":      strings.Repeat("a 1\n", maxLines),
		"names":      "a{" + strings.Repeat(`a1="",`, 10) + "} 1\n" + strings.Repeat("# HELP x\n", maxLines-1),
		"labels":     strings.Repeat("a{"+strings.Repeat(`a="",`, 60)+"} 1\n", maxLabels/60),
		"histogram":  "# TYPE h histogram\n" + strings.Repeat("h_bucket{le=\"1\"} 1\n", maxLines-1),
		"more lines": strings.Repeat("a 1\n", sdk.MaxMetrics/4),
		"one value":  `a{a="` + strings.Repeat("x", sdk.MaxMetrics-10) + "\"} 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, _ = parse([]byte(text))
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > affordable {
				t.Errorf("%d bytes take %d of memory, want at most %d", len(text), took, affordable)
			}
		})
	}
}
