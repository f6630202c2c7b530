package task

import (
	"fmt"
	"time"
)

// A Duration is a time.Duration whose text form is that of [time.ParseDuration], such as "90s" or
// "1h30m".
type Duration time.Duration

// D returns d as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String returns the text form.
func (d Duration) String() string { return shorten(time.Duration(d).String()) }

// MarshalText returns the text form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the text form.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write a number with a unit, such as 500ms, 90s or 10m", b)
	}
	*d = Duration(v)
	return nil
}

// shorten drops the zero parts that time.Duration.String keeps: 10m0s becomes 10m, 1h0m0s 1h.
func shorten(s string) string {
	if n := len(s); n > 3 && s[n-3:] == "m0s" {
		s = s[:n-2]
	}
	if n := len(s); n > 3 && s[n-3:] == "h0m" {
		s = s[:n-2]
	}
	return s
}
