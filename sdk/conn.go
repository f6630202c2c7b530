package sdk

import "time"

// conn is the machine room's side of a Run.
type conn struct {
	force chan struct{}
	grace time.Duration
}

func (c *conn) started(string)                         {}
func (c *conn) event(string, string, map[string]string) {}
func (c *conn) stats(Stats)                             {}
func (c *conn) deadline() time.Time                     { return time.Time{} }
func (c *conn) stopReason() StopReason                  { return StopUnknown }
