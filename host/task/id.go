package task

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// A UID identifies one incarnation of a task name: a task that is deleted and created again has
// another UID. It is a UUIDv7 (RFC 9562), so UIDs of one host sort by creation.
type UID [16]byte

// NewUID returns a UID for a task created at t.
func NewUID(t time.Time) UID {
	var u UID
	rand.Read(u[:])
	ms := uint64(t.UnixMilli())
	for i := range 6 {
		u[i] = byte(ms >> (40 - 8*i))
	}
	u[6] = 0x70 | u[6]&0x0f
	u[8] = 0x80 | u[8]&0x3f
	return u
}

// Time returns when the task was created, in UTC and whole milliseconds, as its UID tells.
func (u UID) Time() time.Time {
	var ms int64
	for _, b := range u[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC()
}

// ErrUID says that a text is not a UID.
var ErrUID = errors.New("not a UUID such as 0197a0c2-7b1e-7c3d-9a4f-5e6b7c8d9e0f")

// ParseUID reads the text form of a UID.
func ParseUID(s string) (UID, error) {
	var u UID
	err := u.UnmarshalText([]byte(s))
	return u, err
}

// IsZero reports whether u is unset.
func (u UID) IsZero() bool { return u == UID{} }

// String returns the usual text form, or "" for the zero UID.
func (u UID) String() string {
	b, _ := u.MarshalText()
	return string(b)
}

// MarshalText returns the usual text form, or nothing for the zero UID.
func (u UID) MarshalText() ([]byte, error) {
	if u.IsZero() {
		return nil, nil
	}
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return b[:], nil
}

// UnmarshalText reads the usual text form; an empty text is the zero UID.
func (u *UID) UnmarshalText(b []byte) error {
	*u = UID{}
	if len(b) == 0 {
		return nil
	}
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return ErrUID
	}
	packed := make([]byte, 0, 32)
	for _, part := range [][]byte{b[0:8], b[9:13], b[14:18], b[19:23], b[24:36]} {
		packed = append(packed, part...)
	}
	if _, err := hex.Decode(u[:], packed); err != nil {
		*u = UID{}
		return ErrUID
	}
	return nil
}

// A Name is a task's name: a DNS-1123 subdomain of at most 253 bytes, unique on a host.
type Name string

// A Slot is the key under which tasks exclude one another: 1 to 64 bytes of [A-Za-z0-9._-], neither
// "." nor "..".
type Slot string

// A RunID identifies one attempt for all time: {runner}-{slot}-{seq}, where seq is a number of the
// host that counts from 1 and is never used twice.
type RunID string

// A RunnerName is the name of a runner: [a-z][a-z0-9-]{0,62}.
type RunnerName string
