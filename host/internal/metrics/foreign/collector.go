package foreign

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
)

// Timeout is how long a scrape waits for plugins.
const Timeout = time.Second

// ErrTooLarge is wrapped by the error of an answer that was too large to be received.
var ErrTooLarge = errors.New("more bytes than are read")

// An Answer is what one plugin answers, or why it does not.
type Answer struct {
	Plugin     string // name
	Generation int    // of the plugin's process
	Text       []byte // Prometheus text format 0.0.4
	Err        error  // nil, or why there is no text
}

// An Observer counts what comes of asking plugins. Its methods return at once.
type Observer interface {
	// MetricsPulled is told every answer.
	MetricsPulled(plugin string, r Result)
	// MetricsDropped is told how many series of an answer were dropped, for each reason.
	MetricsDropped(plugin string, r Reason, series int)
}

// Options are what a Collector works with. All but Log are needed.
type Options struct {
	// Pull asks all plugins that have metrics at once, and returns when all have answered or ctx ends.
	Pull     func(ctx context.Context) []Answer
	Own      []string // families of the host; no family of a plugin begins like one of them
	Observer Observer
	Log      hclog.Logger // nil means none
}

// A Collector is a prometheus.Collector of all that plugins tell. It describes nothing beforehand, since
// it does not know.
type Collector struct {
	o Options

	mu   sync.Mutex
	now  *round            // guarded by mu; the round that is on its way, nil means none
	told map[string]*words // guarded by mu; by plugin, what has been logged
}

// A round is one question to all plugins.
type round struct {
	done   chan struct{} // closed when series are there
	series []prometheus.Metric
}

// words are what has been logged of a generation.
type words struct {
	generation int
	said       map[string]bool
}

// New returns a collector.
func New(o Options) *Collector {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return &Collector{o: o, told: make(map[string]*words)}
}

// Describe implements prometheus.Collector: it makes the collector an unchecked one.
func (c *Collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	for _, m := range c.join() {
		out <- m
	}
}

// join returns what the round on its way brings, or makes one.
func (c *Collector) join() []prometheus.Metric {
	c.mu.Lock()
	r := c.now
	if r != nil {
		c.mu.Unlock()
		<-r.done
		return r.series
	}
	r = &round{done: make(chan struct{})}
	c.now = r
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.now = nil
		c.mu.Unlock()
		close(r.done)
	}()
	r.series = c.pull()
	return r.series
}

// pull asks all plugins and takes what may be taken.
func (c *Collector) pull() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	var all []prometheus.Metric
	for _, a := range c.o.Pull(ctx) {
		t, result, err := c.take(a)
		c.o.Observer.MetricsPulled(a.Plugin, result)
		if err != nil {
			c.say(a, string(result), "the metrics of a plugin are not shown", "error", err)
		}
		for reason, d := range t.dropped {
			c.o.Observer.MetricsDropped(a.Plugin, reason, d.series)
			c.say(a, string(reason), "some metrics of a plugin are not shown", "reason", reason, "series", d.series, "first", d.first)
		}
		all = append(all, t.series...)
	}
	return all
}

// take judges one answer.
func (c *Collector) take(a Answer) (taken, Result, error) {
	switch {
	case errors.Is(a.Err, ErrTooLarge):
		return taken{}, TooLarge, a.Err
	case errors.Is(a.Err, context.DeadlineExceeded):
		return taken{}, Late, a.Err
	case a.Err != nil:
		return taken{}, Failed, a.Err
	}
	families, result, err := parse(a.Text)
	if err != nil {
		return taken{}, result, err
	}
	return judge(a.Plugin, c.o.Own, families), OK, nil
}

// say logs what has not been said of the plugin's generation yet.
func (c *Collector) say(a Answer, about, message string, facts ...any) {
	c.mu.Lock()
	w := c.told[a.Plugin]
	if w == nil || w.generation != a.Generation {
		w = &words{generation: a.Generation, said: make(map[string]bool)}
		c.told[a.Plugin] = w
	}
	before := w.said[about]
	w.said[about] = true
	c.mu.Unlock()
	if !before {
		c.o.Log.With("plugin", a.Plugin, "generation", a.Generation).Warn(message, facts...)
	}
}
