package runner

import (
	"strings"

	"github.com/soltihq/solti-host/plugins/wasm/internal/metrics"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/sdk"
)

// maxLast is how much of the end of stderr a failure quotes, in bytes.
const maxLast = 4 << 10

// An outlet hands what a guest writes to the host, and remembers the end of its stderr.
type outlet struct {
	run     *sdk.Run
	metrics *metrics.Metrics
	used    bool // something came
	last    []byte
}

var _ wire.Outlet = (*outlet)(nil)

// Output implements [wire.Outlet].
func (o *outlet) Output(stream wire.Stream, p []byte) {
	o.used = true
	o.metrics.Output(stream, len(p))
	to := o.run.Stdout
	if stream == wire.Stderr {
		to = o.run.Stderr
		o.last = append(o.last, p...)
		if len(o.last) > 2*maxLast {
			o.last = append(o.last[:0], o.last[len(o.last)-maxLast:]...)
		}
	}
	_, _ = to.Write(p) // it fails only when the host is gone, and then the attempt is stopped
}

// Gap implements [wire.Outlet].
func (o *outlet) Gap(stream wire.Stream, n int64) {
	o.metrics.Dropped(stream, n)
	to := sdk.Stdout
	if stream == wire.Stderr {
		to = sdk.Stderr
	}
	o.run.Gap(to, n, "beyond limits.output")
}

// lastWords quotes the end of what the guest wrote to stderr, where modules say why they give up.
func (o *outlet) lastWords() string {
	last := o.last[max(0, len(o.last)-maxLast):]
	text := strings.TrimSpace(strings.ToValidUTF8(string(last), "\uFFFD"))
	if text == "" {
		return ""
	}
	return "\nstderr: " + text
}
