package process

import (
	"github.com/hashicorp/go-hclog"
)

// Mode says how an attempt's processes are held together.
type Mode string

// The modes.
const (
	Auto   Mode = ""       // Cgroup where a directory is given and usable, else Group
	Cgroup Mode = "cgroup" // a cgroup v2 leaf per attempt
	Group  Mode = "group"  // process group, session and the adoption of orphans
)

// Options is what an engine may be told. The zero value works.
type Options struct {
	Mode      Mode
	CgroupDir string       // a delegated cgroup v2 directory; empty means none
	Log       hclog.Logger // nil means none
}

func (o Options) log() hclog.Logger {
	if o.Log == nil {
		return hclog.NewNullLogger()
	}
	return o.Log
}
