package policy

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/task"
)

const longest = time.Duration(math.MaxInt64)

func anyBackoff(t *rapid.T) task.Backoff {
	first := rapid.OneOf(rapid.Int64Range(1, 1e12), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "first")
	most := rapid.OneOf(rapid.Int64Range(first, math.MaxInt64), rapid.Just(first), rapid.Just(int64(math.MaxInt64))).Draw(t, "max")
	return task.Backoff{
		First:  task.Duration(first),
		Max:    task.Duration(most),
		Factor: rapid.OneOf(rapid.Float64Range(1, 4), rapid.Float64Range(1, math.MaxFloat64), rapid.Just(1.0)).Draw(t, "factor"),
		Jitter: rapid.SampledFrom([]task.Jitter{task.NoJitter, task.Full, task.Equal, task.Decorrelated}).Draw(t, "jitter"),
	}
}

var anyFailures = rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(-3, math.MaxInt))

// anyU draws from [0, 1), ends included.
var anyU = rapid.OneOf(rapid.Float64Range(0, math.Nextafter(1, 0)), rapid.Just(0.0), rapid.Just(math.Nextafter(1, 0)))

// slowBase multiplies exactly, one failure at a time.
func slowBase(b task.Backoff, n int) time.Duration {
	most := new(big.Float).SetPrec(400).SetInt64(int64(b.Max))
	wait := new(big.Float).SetPrec(400).SetInt64(int64(b.First))
	factor := new(big.Float).SetPrec(400).SetFloat64(b.Factor)
	for range min(n, 5000) {
		if wait.Cmp(most) >= 0 {
			break
		}
		wait.Mul(wait, factor)
	}
	if wait.Cmp(most) >= 0 {
		return b.Max.D()
	}
	d, _ := wait.Int64()
	return time.Duration(d)
}

func TestBaseIsTheProductUpToRounding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, n := anyBackoff(t), rapid.IntRange(0, 70).Draw(t, "n")
		got, want := Base(b, n), slowBase(b, n)
		if diff := math.Abs(float64(got - want)); diff > 1+float64(want)*1e-12 {
			t.Fatalf("%+v after %d: got %d, want %d", b, n, got, want)
		}
	})
}

func TestBaseStaysBetweenFirstAndMaxAndNeverShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, n := anyBackoff(t), anyFailures.Draw(t, "n")
		got := Base(b, n)
		if got < b.First.D() || got > b.Max.D() {
			t.Fatalf("%+v after %d: %d", b, n, got)
		}
		if n < math.MaxInt {
			next := Base(b, n+1)
			if float64(next) < float64(got)*(1-1e-12)-1 {
				t.Fatalf("%+v after %d: %d, then %d", b, n, got, next)
			}
		}
	})
}

func TestBaseExactly(t *testing.T) {
	b := task.Backoff{First: task.Duration(time.Second), Max: task.Duration(30 * time.Second), Factor: 2}
	for n, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if got := Base(b, n); got != want*time.Second {
			t.Errorf("after %d: got %v, want %v", n, got, want*time.Second)
		}
	}
	if got := Base(task.Backoff{}, 1); got != 2*time.Second {
		t.Errorf("of the zero value: got %v", got)
	}
	if got := Base(task.Backoff{First: 1, Max: task.Duration(longest), Factor: math.MaxFloat64}, math.MaxInt); got != longest {
		t.Errorf("of an overflow: got %v", got)
	}
}

// slowRange returns the ends between which the wait must lie, by the definition of each jitter.
func slowRange(b task.Backoff, w time.Duration) (lo, hi time.Duration) {
	switch b.Jitter {
	case task.NoJitter:
		return w, w
	case task.Full:
		return 0, w
	case task.Equal:
		return w / 2, w
	default:
		three := new(big.Int).Mul(big.NewInt(3), big.NewInt(int64(w)))
		if three.Cmp(big.NewInt(int64(b.Max))) > 0 {
			return b.First.D(), b.Max.D()
		}
		return b.First.D(), time.Duration(three.Int64())
	}
}

func TestWaitIsUniformInTheRangeOfItsJitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, n, u := anyBackoff(t), anyFailures.Draw(t, "n"), anyU.Draw(t, "u")
		lo, hi := slowRange(b, Base(b, n))
		got := Wait(b, n, u)
		if got < lo || got > hi {
			t.Fatalf("%+v after %d at %v: %d is not in [%d, %d]", b, n, u, got, lo, hi)
		}
		want := float64(lo) + u*float64(hi-lo)
		if diff := math.Abs(float64(got) - want); diff > 2+float64(hi)*1e-12 {
			t.Fatalf("%+v after %d at %v: got %d, want about %.0f", b, n, u, got, want)
		}
		if v := anyU.Draw(t, "v"); v >= u && Wait(b, n, v) < got {
			t.Fatalf("%+v after %d: %d at %v, but %d at %v", b, n, got, u, Wait(b, n, v), v)
		}
		if Wait(b, n, 0) != lo {
			t.Fatalf("%+v after %d at 0: got %d, want %d", b, n, Wait(b, n, 0), lo)
		}
	})
}

func TestWaitReachesBothEnds(t *testing.T) {
	b := task.Backoff{First: 3, Max: 3, Factor: 1, Jitter: task.Full}
	for u, want := range map[float64]time.Duration{
		0: 0, 0.24: 0, 0.25: 1, 0.5: 2, 0.75: 3, 0.99: 3,
		1: 3, 2: 3, -1: 0, math.Inf(1): 3, // no u that a caller may pass, yet no wait out of range
	} {
		if got := Wait(b, 0, u); got != want {
			t.Errorf("at %v: got %d, want %d", u, got, want)
		}
	}
	if got := Wait(b, 0, math.NaN()); got != 0 {
		t.Errorf("at NaN: got %d", got)
	}
}
