package policy

import (
	"math"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// Base returns the wait before jitter after a failure that n others precede in a row; n counts from
// 0, and less counts as 0. It is min(First*Factor^n, Max), computed in floating point, so that it may
// be off by a few parts in 10^15 but never overflows. Unset fields of b count as in
// task.DefaultBackoff; b must otherwise be valid. The result lies in [First, Max].
func Base(b task.Backoff, n int) time.Duration {
	return base(b.Defaulted(), n)
}

// base is Base for a backoff without unset fields.
func base(b task.Backoff, n int) time.Duration {
	if n <= 0 {
		return min(b.First.D(), b.Max.D())
	}
	wait := float64(b.First) * math.Pow(b.Factor, float64(n))
	if !(wait < float64(b.Max)) { // also where wait is infinite
		return b.Max.D()
	}
	return max(time.Duration(wait), b.First.D())
}

// Wait returns the wait after a failure that n others precede in a row. It spreads w = Base(b, n) by
// the jitter of b, where u is uniform in [0, 1):
//
//	none          w
//	full          uniform in [0, w]
//	equal         w/2 plus uniform in [0, w/2]
//	decorrelated  uniform in [First, min(3w, Max)]
//
// The result grows with u and is never longer than Max. An unknown jitter counts as full.
func Wait(b task.Backoff, n int, u float64) time.Duration {
	b = b.Defaulted()
	w := base(b, n)
	switch b.Jitter {
	case task.NoJitter:
		return w
	case task.Equal:
		return between(w/2, w, u)
	case task.Decorrelated:
		return between(min(b.First.D(), w), triple(w, b.Max.D()), u)
	default:
		return between(0, w, u)
	}
}

// triple returns min(3w, most) without overflow.
func triple(w, most time.Duration) time.Duration {
	if w > most/3 {
		return most
	}
	return 3 * w
}

// between returns the duration at u of the way from lo to hi. A u outside [0, 1) counts as the nearer
// end.
func between(lo, hi time.Duration, u float64) time.Duration {
	span := hi - lo
	switch {
	case !(u > 0) || span <= 0:
		return lo
	case u >= 1:
		return hi
	}
	return lo + min(time.Duration(u*(float64(span)+1)), span)
}
