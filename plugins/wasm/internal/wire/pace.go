package wire

import "time"

// A pace says whether to look for the next message for a while before sleeping. To be woken takes longer than a short
// job does, above all on a processor that has nothing else to do; so who waited briefly does not sleep at once the
// next time. Where jobs are long or far apart, nobody ever looks twice.
type pace struct{ long int } // waits in a row that were not brief, up to patience

const (
	brief    = 100 * time.Microsecond // a wait after which to look again, with the time that waking up takes
	looking  = 60 * time.Microsecond
	patience = 4 // long waits in a row until nobody looks any more: one may be a collection of garbage
)

// until returns how long to look, from now on, the zero time for not at all.
func (p *pace) until(now time.Time) time.Time {
	if p.long >= patience {
		return time.Time{}
	}
	return now.Add(looking)
}

// waited takes how long a wait was.
func (p *pace) waited(d time.Duration) {
	if d < brief {
		p.long = 0
	} else {
		p.long = min(p.long+1, patience)
	}
}
