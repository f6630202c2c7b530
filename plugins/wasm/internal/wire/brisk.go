package wire

import "time"

// A pace says whether to poll for the next message before sleeping. To be woken takes longer than a short job does,
// above all on a processor that has nothing else to do; so whoever had to wait for no longer than brisk the last time
// polls for a while. Where jobs are long or far apart, nobody ever does.
type pace struct{ brisk bool }

const (
	brisk   = 100 * time.Microsecond // a wait that is worth polling the next time
	polling = 60 * time.Microsecond
)

// begin returns until when to poll, the zero time for not at all.
func (p *pace) begin(now time.Time) time.Time {
	if !p.brisk {
		return time.Time{}
	}
	return now.Add(polling)
}

// end takes how long the wait was.
func (p *pace) end(waited time.Duration) { p.brisk = waited < brisk }
