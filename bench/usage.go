package main

import (
	"context"
	"time"
)

// A usage is what the processes of a host have used since their start.
type usage struct {
	host, plugins, children, client time.Duration // of processor; children are the ended ones of the others
	hostSwitches, pluginSwitches    int
	metrics                         map[string]float64
	at                              time.Time
}

// usage looks at all processes of h, and at this one as its client.
func (h *server) usage(ctx context.Context) (u usage, err error) {
	if u.metrics, err = h.metrics(ctx); err != nil {
		return u, err
	}
	pids, err := h.plugins(ctx)
	if err != nil {
		return u, err
	}
	u.host, u.children = cpuOf(h.pid())
	u.hostSwitches = switches(h.pid())
	for _, pid := range pids {
		own, ended := cpuOf(pid)
		u.plugins += own
		u.children += ended
		u.pluginSwitches += switches(pid)
	}
	u.client, _ = selfCPU()
	u.at = time.Now()
	return u, nil
}

// since returns what was used after before. Counters of metrics become differences.
func (u usage) since(before usage) usage {
	d := usage{
		host: u.host - before.host, plugins: u.plugins - before.plugins,
		children: u.children - before.children, client: u.client - before.client,
		hostSwitches: u.hostSwitches - before.hostSwitches, pluginSwitches: u.pluginSwitches - before.pluginSwitches,
		metrics: make(map[string]float64),
	}
	for name, v := range u.metrics {
		d.metrics[name] = v - before.metrics[name]
	}
	return d
}

// total is the processor time of everyone.
func (u usage) total() time.Duration { return u.host + u.plugins + u.children + u.client }
