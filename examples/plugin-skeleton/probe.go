package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"time"
)

const defaultEvery = time.Second

// A probe tries a target until it answers. Its fields are the spec that submitters write.
type probe struct {
	Target string        `json:"target"` // tcp://host:port, unix:///socket or file:///path
	Every  time.Duration `json:"every"`  // between two tries
	Tries  int           `json:"tries"`  // zero goes on until it is stopped
}

func (p probe) check() error {
	u, err := url.Parse(p.Target)
	switch {
	case err != nil:
		return err
	case u.Scheme == "tcp" && u.Port() != "":
		return nil
	case (u.Scheme == "unix" || u.Scheme == "file") && u.Host == "" && u.Path != "":
		return nil
	}
	return fmt.Errorf("%q is none of tcp://host:port, unix:///path, file:///path", p.Target)
}

// wait returns nil once the target answers, and the last error when the tries are spent.
func (p probe) wait(ctx context.Context, out io.Writer) error {
	ticker := time.NewTicker(max(p.Every, time.Millisecond))
	defer ticker.Stop()
	for try := 1; ; try++ {
		err := p.once(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			_, err = fmt.Fprintf(out, "%s answers\n", p.Target)
			return err
		}
		if _, err := fmt.Fprintf(out, "try %d: %v\n", try, err); err != nil {
			return err
		}
		if try == p.Tries {
			return fmt.Errorf("%s does not answer after %d tries: %w", p.Target, try, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p probe) once(ctx context.Context) error {
	u, err := url.Parse(p.Target)
	if err != nil {
		return err
	}
	if u.Scheme == "file" {
		_, err := os.Stat(u.Path)
		return err
	}
	address := u.Host
	if u.Scheme == "unix" {
		address = u.Path
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, u.Scheme, address)
	if err != nil {
		return err
	}
	return errors.Join(conn.Close())
}
