package sdk

import (
	"fmt"
	"io"
	"os"
)

// byHand tells somebody who has started the plugin without its host what it is and where it belongs.
func byHand(w io.Writer, r Runner) {
	info := func() (i Info) {
		defer func() { _ = recover() }() // this text is for people who do not look for a panic
		return r.Name()
	}()
	version := info.Version
	if version == "" {
		version = "of unknown version"
	}
	fmt.Fprintf(w, "%s is a runner plugin for solti-host: %s %s, protocol %d.%d.\n",
		os.Args[0], info.Name, version, ProtocolVersion, ProtocolMinor)
	for _, k := range info.Kinds {
		fmt.Fprintf(w, "  It runs %s %s.\n", k.APIVersion, k.Kind)
	}
	fmt.Fprintf(w, "It is not started by hand. Put it into the host's plugin directory as %s%s,\n"+
		"owned by the host's user and writable by nobody else; the host finds it there and starts it.\n",
		FilePrefix, info.Name)
}
