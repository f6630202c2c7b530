package plugin

import (
	"cmp"
	"time"
)

// A CrashPolicy says how soon a plugin that exited is launched again.
type CrashPolicy struct {
	First      time.Duration // wait after the first exit; 0 means 1 s
	Max        time.Duration // longest wait; 0 means 2 min
	Healthy    time.Duration // a generation that was ready for so long begins anew with First; 0 means 10 min
	Early      time.Duration // an exit within this of getting ready counts for quarantine; 0 means 30 s
	Window     time.Duration // in which exits are counted; 0 means 10 min
	Quarantine int           // early exits in the window that end the attempts; 0 means 5
}

func (c CrashPolicy) withDefaults() CrashPolicy {
	c.First = cmp.Or(c.First, time.Second)
	c.Max = cmp.Or(c.Max, 2*time.Minute)
	c.Healthy = cmp.Or(c.Healthy, 10*time.Minute)
	c.Early = cmp.Or(c.Early, 30*time.Second)
	c.Window = cmp.Or(c.Window, 10*time.Minute)
	c.Quarantine = cmp.Or(c.Quarantine, 5)
	return c
}

// Crashes are the exits of one plugin as far as they matter for the next launch. The zero value has
// none.
type crashes struct {
	streak int         // exits since the last healthy generation
	early  []time.Time // early exits within the window
}

// next notes an exit at now of a generation that was ready for so long, negative if it never was,
// and returns the wait before the next launch, or that the plugin goes to quarantine. Dice is uniform
// in [0, 1). It reads neither clock nor dice itself.
func (c *crashes) next(p CrashPolicy, now time.Time, ready time.Duration, dice float64) (wait time.Duration, quarantine bool) {
	if ready >= p.Healthy {
		c.streak = 0
	}
	recent := c.early[:0]
	for _, t := range c.early {
		if now.Sub(t) < p.Window {
			recent = append(recent, t)
		}
	}
	c.early = recent
	if ready < p.Early {
		c.early = append(c.early, now)
	}
	if len(c.early) >= p.Quarantine {
		return 0, true
	}
	ceiling := p.First
	for range c.streak {
		if ceiling >= p.Max/2 {
			ceiling = p.Max
			break
		}
		ceiling *= 2
	}
	c.streak++
	return time.Duration(dice * float64(ceiling)), false
}
