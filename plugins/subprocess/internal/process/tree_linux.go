package process

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/subprocess/internal/cgroup"
	"github.com/soltihq/solti-host/plugins/subprocess/internal/orphan"
)

// A tree is all that an attempt has started.
type tree struct {
	leader int
	leaf   *cgroup.Leaf   // nil without cgroups
	member *orphan.Member // what was left to this process
}

// signal sends sig to what can be seen of the tree. The leader must not have been waited for.
func (t *tree) signal(sig unix.Signal) {
	if t.leaf != nil && t.leaf.Signal(sig) == nil {
		return
	}
	_ = unix.Kill(-t.leader, sig)
}

// kill kills what can be seen of the tree. The leader must not have been waited for.
func (t *tree) kill() {
	if t.leaf != nil {
		_ = t.leaf.Kill()
	}
	_ = unix.Kill(-t.leader, unix.SIGKILL)
	t.member.Signal(unix.SIGKILL)
}

// bury kills what the dead leader has left and waits until nothing is, for the time given at most. It
// reports whether nothing is left.
func (t *tree) bury(limit time.Duration) (bool, error) {
	_ = unix.Kill(-t.leader, unix.SIGKILL)
	gone, err := t.empty(limit)
	return t.member.Kill(limit) && gone, err
}

// empty empties the leaf.
func (t *tree) empty(limit time.Duration) (bool, error) {
	if t.leaf == nil {
		return true, nil
	}
	populated, err := t.leaf.Populated()
	if err != nil || !populated {
		return !populated, err
	}
	if err := t.leaf.Kill(); err != nil {
		return false, err
	}
	return t.leaf.WaitEmpty(limit)
}

// place makes the new process the leader of a session, in the leaf if there is one.
func (t *tree) place(attr *syscall.SysProcAttr) {
	attr.Setsid = true
	if t.leaf != nil {
		attr.UseCgroupFD = true
		attr.CgroupFD = t.leaf.FD()
	}
}
