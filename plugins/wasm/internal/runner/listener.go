package runner

import (
	"maps"
	"net"
	"os"
	"slices"

	"github.com/soltihq/solti-host/sdk"
)

// listeners are the operator's, by name.
type listeners map[string]listener

type listener struct {
	address string // as the operator wrote it
	file    *os.File
}

// with returns the listeners at these addresses. Those that are open already stay as they are, since no
// address can be listened at twice; those that are named no more are closed. An error changes nothing.
func (l listeners) with(addresses map[string]string) (listeners, error) {
	all, opened := make(listeners), make(listeners)
	var v sdk.Violations
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		if had, ok := l[name]; ok && had.address == addresses[name] {
			all[name] = had
			continue
		}
		file, err := listenAt(addresses[name])
		if err != nil {
			v.Add("listeners."+name, "%v", err)
			continue
		}
		opened[name] = listener{addresses[name], file}
	}
	if err := v.Err(); err != nil {
		opened.close()
		return nil, err
	}
	for name, had := range l {
		if _, stays := all[name]; !stays {
			_ = had.file.Close()
		}
	}
	maps.Copy(all, opened)
	return all, nil
}

func listenAt(address string) (*os.File, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	return l.(*net.TCPListener).File() //nolint:forcetypeassert // net says so
}

func (l listeners) close() {
	for _, one := range l {
		_ = one.file.Close()
	}
}
